"""Containers of films: which are opened, and what PyAV, which is an extra, says of an open one."""

import contextlib
from fractions import Fraction
from pathlib import Path
from typing import Any

from stylize_cli.errors import StylizeError

# Containers that are opened: those that hold moving pictures in one file, and are known by its
# contents. Others open more files (concat, hls, image2, vobsub, mlv, webm_dash_manifest), the
# network (rtsp, sdp) or a device, which a stranger's file must not; or hold texts (tty, bin), one
# picture, or samples of which nothing says how they lie (rawvideo, v210).
FORMATS = (
    # Of today
    "mov,matroska,webm,avi,mpegts,mpeg,mpegvideo,asf,asf_o,flv,kux,ogg,mxf,nut,ivf,obu,"
    # A codec's own stream
    "yuv4mpegpipe,av1,apv,avs2,avs3,cavsvideo,dirac,dnxhd,dv,evc,h261,h263,h264,hevc,ipu,m4v,"
    "mjpeg,mjpeg_2000,mpjpeg,smjpeg,vc1,vc1test,vvc,"
    # Of broadcast, cameras and disc recorders
    "cine,dhav,gxf,hxvs,ifv,ingenient,iv8,lmlm4,luodat,lvf,lxf,msnwctcp,mxg,nc,nsv,nuv,pva,r3d,"
    "sdr2,ser,simbiosis_imx,ty,wtv,"
    # Of earlier players, painters and consoles
    "anm,cdg,cdxl,film_cpk,filmstrip,flic,iff,ivr,mtv,mv,pdv,pmp,rm,rpl,swf,tmv,vivo,vividas,"
    "moflex,mods,psxstr,thp,usm,xmv,"
    # Of games
    "4xm,argo_brp,avs,bethsoftvid,bfi,bink,bmv,c93,dfa,dsicin,dxa,ea,gdv,hnm,idcin,ipmovie,jv,"
    "mgsts,mm,mvi,paf,rl2,roq,sga,siff,smk,smush,tiertexseq,vmd,wc3movie,wsvqa,yop"
)
PROTOCOL = "file:"
OPENING = {"format_whitelist": FORMATS, "protocol_whitelist": "file"}


def library() -> Any:  # noqa: ANN401 - a module
    """PyAV.

    Raises:
        StylizeError: the extra is not installed.
    """
    try:
        import av  # noqa: PLC0415 - an extra
        import av.bitstream  # noqa: PLC0415
    except ImportError:
        raise StylizeError(
            "clips need PyAV: pip install 'stylize-cli[video]' (folders of frames, GIF, WebP and "
            "APNG do without)"
        ) from None
    return av


def address(path: Path) -> str:
    """A file as FFmpeg names it, to which 12:30.mp4 would be of a protocol "12"."""
    return f"{PROTOCOL}{path}"


def pictures_of(container: Any) -> Any:  # noqa: ANN401 - PyAV's
    """The stream that is shown: the default one, of several the largest; never a song's cover.

    Raises:
        StylizeError: there is none.
    """
    kinds = library().stream.Disposition
    films = [one for one in container.streams.video if not one.disposition & kinds.attached_pic]
    if not films:
        raise StylizeError(f"{_name(container)} has no pictures, only sound: name another clip")
    known = [stream for stream in films if stream.codec_context]
    if not known:
        raise StylizeError(
            f"{_name(container)} is encoded in a way that PyAV cannot decode: convert it to MP4"
        )
    # The first of those that are alike.
    return max(
        known, key=lambda one: (bool(one.disposition & kinds.default), one.width * one.height)
    )


def _name(container: Any) -> str:  # noqa: ANN401 - PyAV's
    """The path of an open file, without the protocol."""
    return str(container.name).removeprefix(PROTOCOL)


def first_time(container: Any) -> Fraction:  # noqa: ANN401 - PyAV's
    """When its pictures begin, seconds: what times count from."""
    stream = pictures_of(container)
    return Fraction((stream.start_time or 0) * stream.time_base)


def length_of(container: Any) -> Fraction | None:  # noqa: ANN401 - PyAV's
    """Seconds, or None where it does not say."""
    stream = pictures_of(container)
    if stream.duration:
        return Fraction(stream.duration * stream.time_base)
    return Fraction(container.duration, 1_000_000) if container.duration else None


def seek(container: Any, time: Fraction) -> None:  # noqa: ANN401 - PyAV's
    """To the last whole picture before a time, or where that is not known to the start."""
    with contextlib.suppress(library().error.FFmpegError):
        container.seek(int(time * 1_000_000), backward=True)
