"""What was painted is what is read, however it was coded; truth is computed here, not by another decoder."""

from pathlib import Path

import av
import numpy as np
import pytest
from av.sidedata.sidedata import Type
from coding_builder import BT709, BT2020, Coding, Picture, coded_frame, film, quarters
from decode_witness import BT2020_TO_709, HLG, PQ, pq_signal, sdr

from adapt.errors import MediaError
from adapt.video import colour
from adapt.video.colour import gamut_of, transfer_of
from adapt.video.probe import probe
from adapt.video.reader import BACKENDS, read_frames, stream_frames

X265 = {"x265-params": "crf=1:log-level=none"}
CODINGS = {
    "BT.601": Coding(matrix=6, tagged_range=1),
    "BT.709": Coding(shares=BT709, matrix=1, tagged_range=1),
    "nothing said": Coding(),
    "matrix of a reserved number": Coding(matrix=3),
    "full range by its pixels": Coding(pixels="yuvj420p", full_range=True, shares=BT709, matrix=1, tagged_range=2),
    "full range by its tag": Coding(full_range=True, matrix=6, tagged_range=2),
    "4:2:2": Coding(pixels="yuv422p"),
    "4:4:4": Coding(pixels="yuv444p"),
    "10 bits": Coding(pixels="yuv420p10le"),
    "10 bits, full range": Coding(pixels="yuv420p10le", full_range=True, shares=BT709, matrix=1, tagged_range=2),
    "HEVC": Coding(codec="libx265", options=X265),
    "HEVC, 10 bits": Coding(codec="libx265", pixels="yuv420p10le", options=X265),
    "VP8": Coding(codec="libvpx", suffix=".webm", options={"crf": "4", "b": "4M"}),
    "VP9": Coding(codec="libvpx-vp9", suffix=".webm", options={"crf": "4", "cpu-used": "8"}),
    "AV1": Coding(codec="libsvtav1", suffix=".mkv", options={"crf": "5", "preset": "12"}),
    "MPEG-2": Coding(codec="mpeg2video", suffix=".ts", options={"qmin": "1", "qmax": "2"}),
    "MJPEG": Coding(
        codec="mjpeg", pixels="yuvj420p", full_range=True, suffix=".avi", options={"qmin": "1", "qmax": "2"}
    ),
    "ProRes": Coding(codec="prores_ks", pixels="yuv422p10le", suffix=".mov", options={}),
    "RGB": Coding(codec="qtrle", pixels="rgb24", suffix=".mov", options={}),
}


def spots(picture: np.ndarray) -> np.ndarray:
    """The colours in the middle of the quarters, away from edges that codecs blur."""
    height, width = picture.shape[:2]
    return np.array(
        [picture[y, x] for y in (height // 4, 3 * height // 4) for x in (width // 4, 3 * width // 4)], np.float64
    )


@pytest.mark.parametrize("name", CODINGS)
def test_painted_colours_are_read_however_they_are_coded(tmp_path: Path, name: str) -> None:
    path = film(tmp_path / "v", CODINGS[name])
    frame = read_frames(path, [0.25]).frames[0].double().numpy()
    assert frame.shape == (48, 64, 3)
    assert spots(frame) == pytest.approx(255 * spots(quarters(2)), abs=4)
    assert probe(path).treatment == ()


def test_matrices_differ_enough_for_these_tests_to_tell(tmp_path: Path) -> None:
    as_601 = read_frames(film(tmp_path / "v", Coding(shares=BT709)), [0.25]).frames[0].double().numpy()
    assert abs(spots(as_601) - 255 * spots(quarters(2))).max() > 9


def test_odd_sizes_keep_their_last_row_and_column(tmp_path: Path) -> None:
    coding = Coding(codec="libvpx-vp9", suffix=".webm", options={"crf": "4", "cpu-used": "8"})
    path = film(tmp_path / "v", coding, paint=lambda number: quarters(number, 33, 47))
    frame = read_frames(path, [0.25]).frames[0].double().numpy()
    assert frame.shape == (33, 47, 3)
    assert frame[-1, -1] == pytest.approx(255 * quarters(2)[-1, -1], abs=4)


def test_transparent_parts_are_black(tmp_path: Path) -> None:
    for name, coding in {
        "rle": Coding(codec="qtrle", pixels="argb", suffix=".mov", options={}),
        "png": Coding(codec="png", pixels="rgba", suffix=".mov", options={}),
    }.items():
        path = film(tmp_path / name, coding)  # The left half is transparent, and red and blue below that.
        frame = read_frames(path, [0.0]).frames[0].double().numpy()
        assert frame[:, :32].max() == 0
        assert frame[4, 40] == pytest.approx([60, 180, 70], abs=1)
        assert probe(path).treatment == ("transparent parts are black",)


def test_a_matrix_that_is_not_known_is_refused_by_number(tmp_path: Path) -> None:
    path = film(tmp_path / "v", Coding(matrix=8))
    for attempt in (lambda: probe(path), lambda: read_frames(path, [0.0]), lambda: next(stream_frames(path, 5.0))):
        with pytest.raises(MediaError, match=r"^v\.mp4: .*colour matrix \(number 8 in H\.273\).*export it as BT\.709"):
            attempt()


def greys(*nits: float, transfer: int) -> Picture:
    """Bars of grey so bright, coded as PQ or HLG."""
    light = np.asarray(nits)
    if transfer == PQ:
        signal = pq_signal(light)
    else:
        a = 0.17883277
        scene = (light / 1000) ** (1 / 1.2)
        dark = np.sqrt(3 * scene)
        bright = a * np.log(np.maximum(12 * scene - (1 - 4 * a), 1e-9)) + 0.5 - a * np.log(4 * a)
        signal = np.where(scene <= 1 / 12, dark, bright)
    return np.repeat(np.repeat(signal, 16)[None, :, None], 48, axis=0).repeat(3, axis=2)


@pytest.mark.parametrize("transfer", [PQ, HLG])
@pytest.mark.parametrize("codec", ["libx265", "libx264"])
def test_hdr_shows_faces_and_paper_as_bright_as_sdr_would(tmp_path: Path, transfer: int, codec: str) -> None:
    # 18 % grey, half of paper white's signal, paper white, a lamp; an SDR camera gives 104, ..., 235 to 255.
    bars = greys(26, 100, 203, 1000, transfer=transfer)
    coding = Coding(
        codec=codec,
        pixels="yuv420p10le",
        shares=BT2020,
        matrix=9,
        primaries=9,
        transfer=transfer,
        tagged_range=1,
        options=X265 if codec == "libx265" else {"crf": "1"},
    )
    path = film(tmp_path / "v", coding, paint=lambda _: bars)
    shown = read_frames(path, [0.0]).frames[0][24, 8::16].double().mean(dim=-1).numpy()
    assert shown == pytest.approx([108, 189, 230, 255], abs=3)
    flat = 255 * bars[24, 8::16].mean(axis=-1)  # What came of it before: grey on grey.
    assert flat[-1] - flat[0] < 175 < shown[-1] - shown[0] + 30
    assert probe(path).treatment == (
        f"HDR ({'PQ' if transfer == PQ else 'HLG'}) is tone-mapped",
        "colours of BT.2020 are narrowed to BT.709",
    )


@pytest.mark.parametrize("transfer", [PQ, HLG])
def test_hdr_colours_are_those_of_the_standards_formulas(tmp_path: Path, transfer: int) -> None:
    coding = Coding(pixels="yuv420p10le", shares=BT2020, matrix=9, primaries=9, transfer=transfer, tagged_range=1)
    frame = read_frames(film(tmp_path / "v", coding), [0.25]).frames[0].double().numpy()
    truth = 255 * np.clip(sdr(quarters(2), transfer, wide=True), 0, 1)
    assert spots(frame) == pytest.approx(spots(truth), abs=5)


def test_hdr_whose_matrix_is_not_said_is_bt2020(tmp_path: Path) -> None:
    said, unsaid = (
        Coding(pixels="yuv420p10le", shares=BT2020, matrix=matrix, primaries=9, transfer=PQ, tagged_range=1)
        for matrix in (9, 2)
    )
    one, other = (
        read_frames(film(tmp_path / name, coding), [0.25]).frames
        for name, coding in (("said", said), ("unsaid", unsaid))
    )
    assert (one.int() - other.int()).abs().max() <= 1


def test_wide_colours_without_hdr_are_narrowed_and_greys_left(tmp_path: Path) -> None:
    coding = Coding(pixels="yuv420p10le", shares=BT2020, matrix=9, primaries=9, transfer=14, tagged_range=1)
    frame = read_frames(film(tmp_path / "v", coding), [0.25]).frames[0].double().numpy()
    truth = 255 * np.clip((quarters(2) ** 2.4) @ BT2020_TO_709.T, 0, 1) ** (1 / 2.4)
    assert spots(frame) == pytest.approx(spots(truth), abs=4)


def test_hdr_may_be_of_odd_size_and_shrunk(tmp_path: Path) -> None:
    # In rgb48le, which ffmpeg also offers, such colours wrap around.
    coding = Coding(
        codec="libx265", pixels="yuv444p10le", shares=BT2020, matrix=9, primaries=9, transfer=PQ, options=X265
    )
    vivid = quarters(0, 49, 65).copy()
    vivid[:24, :32] = (1, 1, 0)
    path = film(tmp_path / "v", coding, paint=lambda _: vivid)
    truth = 255 * np.clip(sdr(vivid, PQ, wide=True), 0, 1)
    assert spots(read_frames(path, [0.0]).frames[0].double().numpy()) == pytest.approx(spots(truth), abs=6)
    assert spots(read_frames(path, [0.0], size=(25, 33)).frames[0].double().numpy()) == pytest.approx(
        spots(truth), abs=6
    )


def test_interlaced_pictures_show_one_field_without_combs(tmp_path: Path) -> None:
    combed = np.full((48, 64, 3), 50 / 255)
    combed[::2] = 200 / 255  # The upper field; the lower one is another moment.
    coding = Coding(options={"crf": "1", "threads": "1", "flags": "+ilme+ildct"})
    path = film(tmp_path / "v", coding, paint=lambda _: combed)
    frame = read_frames(path, [0.0]).frames[0]
    assert frame.shape == (48, 64, 3)
    assert (frame.int() - 200).abs().max() <= 4
    assert probe(path).treatment == ("interlaced: the upper field is shown",)


def test_decord_leaves_to_pyav_what_it_cannot_show(tmp_path: Path) -> None:
    coding = Coding(pixels="yuv420p10le", shares=BT2020, matrix=9, primaries=9, transfer=HLG, tagged_range=1)
    path = film(tmp_path / "v", coding)
    pyav, decord = (read_frames(path, [0.0, 0.3], backend=backend).frames for backend in BACKENDS)
    assert pyav.equal(decord)


def test_dolby_vision_alone_is_refused_and_beside_hlg_it_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(colour, "side_data", lambda _frame, kind: b"x" if kind == Type.DOVI_METADATA else None)
    frame = coded_frame(quarters(0), Coding(pixels="yuv420p10le"))
    with pytest.raises(colour.ColourError, match="Dolby Vision without a picture that other players can show"):
        colour.sdr_rgb(frame, 48, 64)
    frame.color_trc = HLG
    assert colour.sdr_rgb(frame, 48, 64).shape == (48, 64, 3)


def test_a_frame_says_what_its_values_mean() -> None:
    frame = av.VideoFrame(16, 16, "yuv420p10le")
    assert (transfer_of(frame), gamut_of(frame)) == ("SDR", "BT.709")
    frame.color_trc, frame.color_primaries = HLG, 12
    assert (transfer_of(frame), gamut_of(frame)) == ("HLG", "P3")
