"""Processes that recognise, and the streams that the server gives them.

    connection -> Stream (server's process) -> Worker (a process) -> recogniser -> events -> Stream

Searching for words keeps Python busy, so threads would wait for each other; a process per core
does not, and one that crashes takes only its own streams with it. A stream stays in one worker.
"""
