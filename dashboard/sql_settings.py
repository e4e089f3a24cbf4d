"""What a client of the SQL endpoint may set in the URL: parameters in, engine settings out. Pure.

Clients send a good many on their own; a setting that is unknown here is refused, as a server
refuses it to a read-only user.
"""

import re
from collections.abc import Mapping

# For the way of the bytes, or of no effect on a read-only answer.
IGNORED = frozenset(
    re.findall(
        r"\w+",
        """
    add_http_cors_header buffer_size cancel_http_readonly_queries_on_client_close
    client_protocol_version close_session compress
    enable_http_compression http_headers_progress_interval_ms http_make_head_request
    http_receive_timeout http_send_timeout http_write_exception_in_output_format
    http_zlib_compression_level log_comment log_queries network_compression_method priority
    query_id quota_key role send_progress_in_http_headers session_check session_id session_timeout
    stacktrace wait_end_of_query
    database default_format password query user
""",
    )
)
LOWERED = frozenset(
    {"max_execution_time", "max_memory_usage", "max_result_rows", "max_result_bytes", "max_threads"}
)
TAKEN = frozenset(
    re.findall(
        r"\w+",
        """
    cast_string_to_dynamic_use_inference date_time_input_format date_time_output_format
    enable_named_columns_in_tuple extremes final format_csv_delimiter group_by_use_nulls
    join_use_nulls limit max_block_size max_bytes_to_read max_rows_to_read offset
    prefer_column_name_to_alias result_overflow_mode session_timezone union_default_mode
""",
    )
)
OUTPUT = re.compile(r"output_format_[a-z0-9_]+")
NUMBER = re.compile(r"\d{1,18}(\.\d{1,6})?")
VALUE_LENGTH = 100


class SettingRefused(Exception):
    """A setting that clients may not give, or not with this value."""


def settings_of(given: Mapping[str, str], limits: Mapping[str, int | str]) -> dict[str, str]:
    """The settings to give to the engine, none beyond `limits`; raises SettingRefused."""
    taken: dict[str, str] = {}
    for name, value in given.items():
        if name in IGNORED or name.startswith("param_") or (name, value) in _HARMLESS:
            continue
        if name in LOWERED:
            taken[name] = _lowered(name, value, limits)
        elif (name in TAKEN or OUTPUT.fullmatch(name)) and len(value) <= VALUE_LENGTH:
            taken[name] = value
        else:
            message = f"Cannot modify '{name[:80]}' setting in readonly mode; leave it out"
            raise SettingRefused(message)
    return taken


_HARMLESS = frozenset(
    {("readonly", "1"), ("readonly", "2"), ("decompress", "0"), ("decompress", "")}
)


def _lowered(name: str, value: str, limits: Mapping[str, int | str]) -> str:
    """The smaller one; 0, which means without limit, and more than ours are ours."""
    if not NUMBER.fullmatch(value):
        message = f"{name}: {value[:40]!r} is not a number; write one, up to {limits[name]}"
        raise SettingRefused(message)
    limit = str(limits[name])
    return value if 0 < float(value) < float(limit) else limit
