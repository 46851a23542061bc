"""``streamer serve``: many streams at once, for clients of several protocols.

Needs the extra ``server`` (Starlette, uvicorn, websockets, wyoming, prometheus-client). The parts
that run without it are `streamer.server.workers` and `streamer.server.settings`.
"""
