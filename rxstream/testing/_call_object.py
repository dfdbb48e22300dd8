"""The call that the answer to `delete_call` shows: as much of it as Stream's SDKs insist on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

__all__ = ["call_object"]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LAYOUT: Final = {"name": "spotlight", "external_app_url": "", "external_css_url": ""}
_SETTINGS: Final[dict[str, Any]] = {
    "audio": {
        "access_request_enabled": True,
        "default_device": "speaker",
        "hifi_audio_enabled": False,
        "mic_default_on": True,
        "opus_dtx_enabled": True,
        "redundant_coding_enabled": True,
        "speaker_default_on": True,
    },
    "backstage": {"enabled": False},
    "broadcasting": {
        "enabled": False,
        "hls": {"auto_on": False, "enabled": False, "quality_tracks": [], "layout": _LAYOUT},
        "rtmp": {"enabled": False, "quality": "720p", "layout": _LAYOUT},
    },
    "encryption": {"mode": "disabled"},
    "frame_recording": {"capture_interval_in_seconds": 2, "mode": "disabled"},
    "geofencing": {"names": []},
    "individual_recording": {"mode": "disabled"},
    "limits": {"max_participants_exclude_roles": []},
    "raw_recording": {"mode": "disabled"},
    "recording": {"audio_only": False, "mode": "disabled", "quality": "720p", "layout": _LAYOUT},
    "ring": {
        "auto_cancel_timeout_ms": 15_000,
        "incoming_call_timeout_ms": 15_000,
        "missed_call_timeout_ms": 15_000,
    },
    "screensharing": {"access_request_enabled": True, "enabled": True},
    "session": {"inactivity_timeout_seconds": 30},
    "thumbnails": {"enabled": False},
    "transcription": {"closed_caption_mode": "disabled", "language": "en", "mode": "disabled"},
    "video": {
        "access_request_enabled": True,
        "camera_default_on": True,
        "camera_facing": "front",
        "enabled": True,
        "target_resolution": {"height": 720, "width": 1280},
    },
}


def call_object(type_: str, id_: str, at: datetime) -> dict[str, Any]:
    """Make a call as Stream shows it.

    Args:
        type_: The call's type.
        id_: The call's id.
        at: When it was created and last changed.
    """
    stamp = (at - _EPOCH) // timedelta(microseconds=1) * 1000
    created: dict[str, Any] = {
        "created_at": stamp,
        "updated_at": stamp,
        "custom": {},
        "blocked_user_ids": [],
    }
    return {
        **created,
        "type": type_,
        "id": id_,
        "cid": f"{type_}:{id_}",
        "current_session_id": "",
        "backstage": False,
        "captioning": False,
        "recording": False,
        "transcribing": False,
        "translating": False,
        "created_by": {
            **created,
            "id": "rxstream",
            "role": "admin",
            "language": "",
            "teams": [],
            "banned": False,
            "invisible": False,
            "online": False,
            "shadow_banned": False,
        },
        "egress": {"broadcasting": False, "rtmps": []},
        "ingress": {kind: {"address": ""} for kind in ("rtmp", "srt", "whip")},
        "settings": _SETTINGS,
    }
