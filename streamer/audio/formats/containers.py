"""The kinds of file that ffmpeg may open here.

A playlist, a manifest or a script names other files, and ffmpeg would read those: whoever sends one
to a server could hear recordings that are not his. Such a text can hide behind a tag, so its first
bytes say too little: ffmpeg itself is told what it may take for what. The names are those of
``ffmpeg -demuxers``; one that an ffmpeg does not have is ignored.
"""

from __future__ import annotations

#: Files that have their sound in themselves: containers, then codecs without one, then games'.
CONTAINERS = tuple(
    """
    3dostr aa aax aiff asf asf_o ast au avi avs caf cavsvideo cdxl daud dhav dv flv gxf ivf ivr
    kux live_flv lvf lxf matroska moflex mov mpeg mpegts mtv mxf nc nistsphere nsv nut nuv oma
    ogg pmp pva qcp r3d rm sds sdx smjpeg sox swf ty vividas vivo voc w64 wav wsd wtv wv

    aac ac3 ac4 ace acm act adf adp adx alaw alp amr amrnb amrwb ape apm aptx aptx_hd avr bit
    bonk codec2 codec2raw dfpwm dsf dss dts dtshd eac3 epaf f32be f32le f64be f64le flac g722
    g723_1 g726 g726le g729 gsm hcom iff ilbc ircam iss kvag laf lc3 loas mlp mp3 mpc mpc8 mulaw
    osq paf pvf qoa s16be s16le s24be s24le s32be s32le s8 sbc shn siff sln sol spdif tak truehd
    tta u16be u16le u24be u24le u32be u32le u8 vag vidc vqf xa

    4xm ads aea afc aix anm apc argo_asf argo_brp argo_cvg bethsoftvid bfi bfstm bink binka bmv
    boa brstm c93 dcstr derf dfa dsicin dxa ea ea_cdata film_cpk flic frm fsb fwse gdv genh hca
    hnm idcin ipmovie ifv iv8 jv libgme libopenmpt lmlm4 luodat mca mcc mm mmf mods msf msnwctcp
    msp mtaf musx mv mvi mxg nsp pp_bnk psxstr redspark rl2 roq rpl rsd rso scd sdns sdr2 sga
    smk smush svag svs thp tiertexseq tmv txd usm vmd vpk wady wc3movie wsaud wsvqa wve xmd xmv
    xvag xwma yop
    """.split()
)
