"""Reading data sets in four layouts, and what becomes of transcripts."""

from __future__ import annotations

from pathlib import Path

import pytest

from streamer.errors import StreamerError
from streamer.training.data.manifests import read_data_set


def _write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_a_tsv_of_paths_and_transcripts_is_read(tmp_path: Path) -> None:
    manifest = _write(
        tmp_path / "train.tsv",
        "path\ttranscript\tseconds\tspeaker\tcorpus\n"
        "a/1.opus\thello there\t1.0\tanna\tbooks\n"
        "a/2.opus\tit's me\t2.0\tben\tbooks\n",
    )
    first, second = read_data_set(manifest)
    assert first.path == tmp_path / "a/1.opus"
    assert (first.transcript, first.speaker, first.corpus) == ("hello there", "anna", "books")
    assert second.transcript == "it's me"


def test_common_voice_lies_in_clips_and_its_sentences_become_spoken(tmp_path: Path) -> None:
    manifest = _write(
        tmp_path / "validated.tsv",
        "client_id\tpath\tsentence\tup_votes\n"
        'x9\tcommon_1.mp3\t"Hello," he said.\t2\n'
        "x9\tcommon_2.mp3\tÉmile\u2019s café!\t2\n"
        "x9\tcommon_3.mp3\t...\t2\n",
    )
    clips = read_data_set(manifest)
    assert [clip.path for clip in clips] == [
        tmp_path / "clips/common_1.mp3",
        tmp_path / "clips/common_2.mp3",
    ]
    assert [clip.transcript for clip in clips] == ["hello he said", "emile's cafe"]
    assert clips[0].speaker == "x9"
    assert clips[0].corpus == "validated"


def test_a_deepspeech_csv_is_read_with_quotes_and_absolute_paths(tmp_path: Path) -> None:
    manifest = _write(
        tmp_path / "train.csv",
        f'wav_filename,wav_filesize,transcript\n{tmp_path}/x.wav,99,"well, yes"\nsub/y.wav,9,no\n',
    )
    clips = read_data_set(manifest)
    assert [clip.path for clip in clips] == [tmp_path / "x.wav", tmp_path / "sub/y.wav"]
    assert [clip.transcript for clip in clips] == ["well yes", "no"]


def test_a_librispeech_folder_is_read_book_by_book(tmp_path: Path) -> None:
    _write(
        tmp_path / "103/1240/103-1240.trans.txt",
        "103-1240-0000 CHAPTER ONE MISSUS RACHEL\n103-1240-0001 THAT HAD ITS SOURCE\n",
    )
    first, second = read_data_set(tmp_path)
    assert first.path == tmp_path / "103/1240/103-1240-0000.flac"
    assert first.transcript == "chapter one missus rachel"
    assert {first.speaker, second.speaker} == {"103"}


def test_paths_can_start_from_another_folder(tmp_path: Path) -> None:
    manifest = _write(tmp_path / "m/train.tsv", "path\ttranscript\nx.wav\tyes\n")
    (clip,) = read_data_set(manifest, tmp_path / "audio")
    assert clip.path == tmp_path / "audio/x.wav"


def test_a_byte_order_mark_is_no_part_of_the_first_column(tmp_path: Path) -> None:
    manifest = tmp_path / "train.csv"
    manifest.write_bytes(b"\xef\xbb\xbfwav_filename,wav_filesize,transcript\r\nx.wav,1,yes\r\n")
    assert [clip.transcript for clip in read_data_set(manifest)] == ["yes"]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("file\twords\nx.wav\tyes\n", "first line"),
        ("path\ttranscript\nx.wav\n", "line 2"),
        ("", "first line"),
    ],
)
def test_a_manifest_that_makes_no_sense_is_an_error_that_says_where(
    tmp_path: Path, text: str, complaint: str
) -> None:
    with pytest.raises(StreamerError, match=complaint):
        read_data_set(_write(tmp_path / "bad.tsv", text))


def test_what_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StreamerError, match="no such file"):
        read_data_set(tmp_path / "none.tsv")
    with pytest.raises(StreamerError, match=r"trans\.txt"):
        read_data_set(tmp_path)


def test_a_manifest_in_another_encoding_is_an_error(tmp_path: Path) -> None:
    manifest = tmp_path / "train.tsv"
    manifest.write_bytes("path\ttranscript\nx.wav\tcaf\xe9\n".encode("latin-1"))
    with pytest.raises(StreamerError, match="UTF-8"):
        read_data_set(manifest)
