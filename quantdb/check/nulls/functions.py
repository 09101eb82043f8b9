"""Which of PostgreSQL's own functions and operators can give NULL, and for what arguments.

A function of the user's, or of an extension, is not here: nothing is known of what it gives.
"""

from typing import Final, Literal

from quantdb.check.relations import Function
from quantdb.check.tree import Node

__all__ = ["COUNTS", "Effect", "constant", "effect", "has_no_nulls", "is_filled", "needed"]

Effect = Literal["always", "kept", "first", "first two", "one", "finite", "may", "unknown"]
"""When the result is not NULL: ``always``; ``kept``: when no argument is NULL; ``first``, ``first
two``: when those are not; ``one``: when one argument at least is not; ``finite``: when no argument
is, or is infinite or NaN, or is an empty format; ``may``: it can be NULL whatever they are."""

COUNTS: Final = frozenset({2147, 2803})
"""The OIDs of ``count(x)`` and ``count(*)``."""

_ALWAYS: Final = """
    array_append array_fill array_prepend concat daterange enum_first enum_last enum_range int4range
    int8range json_build_array json_build_object jsonb_build_array jsonb_build_object num_nonnulls
    num_nulls numrange pg_notify pg_typeof quote_nullable set_config tsrange tstzrange
"""
_FIRST: Final = """
    array_positions array_remove array_replace concat_ws format format_type
    string_to_array
"""
_KEPT: Final = """
    abbrev abs acos acosd acosh age array_reverse array_sample array_shuffle array_sort
    array_to_json array_to_string(anyarray,text) array_to_tsvector ascii asin asind asinh atan atan2
    atan2d atand atanh bit bit_count bit_length bool box bpchar broadcast btrim bytea cardinality
    casefold cbrt ceil ceiling center(circle) char char_length character_length chr cidr circle
    clock_timestamp convert convert_from convert_to cos cosd cosh cot cotd crc32 crc32c
    current_database current_schemas current_setting(text) current_user currval date date_add
    date_bin date_subtract date_trunc decode degrees diameter div encode erf erfc exp
    extract(text,time) extract(text,timetz) date_part(text,time) date_part(text,timetz) factorial
    family float4 float8 floor gamma gcd gen_random_uuid get_bit get_byte get_current_ts_config
    getdatabaseencoding hashtext hashtextextended height host hostmask inet_merge inet_same_family
    initcap int2 int4 int8 interval is_normalized isclosed isempty isfinite isopen json_array_length
    json_object json_strip_nulls json_to_tsvector json_typeof jsonb_array_length jsonb_insert
    jsonb_object jsonb_path_query_array jsonb_path_query_array_tz jsonb_pretty jsonb_set
    jsonb_strip_nulls jsonb_to_tsvector jsonb_typeof justify_days justify_hours justify_interval
    lastval lcm left length lgamma like like_escape ln log log10 lower(text) lower_inc lower_inf
    lpad lseg ltrim macaddr macaddr8 make_date make_interval make_time make_timestamp
    make_timestamptz masklen md5 mod money multirange int4multirange int8multirange nummultirange
    datemultirange tsmultirange tstzmultirange name netmask network nextval normalize notlike now
    npoints numeric numnode octet_length oid overlaps overlay parse_ident path pg_advisory_lock
    pg_advisory_lock_shared pg_advisory_unlock pg_advisory_unlock_all pg_advisory_unlock_shared
    pg_advisory_xact_lock pg_advisory_xact_lock_shared pg_backend_pid pg_blocking_pids
    pg_client_encoding pg_column_size pg_current_snapshot pg_current_xact_id pg_get_userbyid
    pg_has_role pg_is_in_recovery pg_my_temp_schema pg_postmaster_start_time pg_size_bytes
    pg_size_pretty pg_sleep pg_sleep_for pg_sleep_until pg_snapshot_xmax pg_snapshot_xmin
    pg_trigger_depth pg_try_advisory_lock pg_try_advisory_lock_shared pg_try_advisory_xact_lock
    pg_try_advisory_xact_lock_shared phraseto_tsquery pi plainto_tsquery point polygon position pow
    power querytree quote_ident quote_literal radians radius random random_normal range_merge
    regclass regexp_count regexp_instr regexp_like regexp_replace regexp_split_to_array repeat
    replace reverse right round row_to_json rpad rtrim session_user set_bit set_byte set_masklen
    setval setweight sha224 sha256 sha384 sha512 sign similar_escape similar_to_escape sin sind sinh
    split_part sqrt starts_with statement_timestamp strip strpos substr substring tan tand tanh text
    time timeofday timestamp timestamptz timetz timezone to_ascii to_bin to_date to_hex to_json
    to_jsonb to_oct to_timestamp to_tsquery to_tsvector transaction_timestamp translate trim_array
    trim_scale trunc ts_delete ts_filter ts_headline ts_rank ts_rank_cd ts_rewrite tsquery_phrase
    tsvector_to_array txid_current unistr upper(text) upper_inc upper_inf uuidv4 uuidv7 varbit
    varchar version websearch_to_tsquery width width_bucket xid xmlcomment
"""
_FINITE: Final = """
    date_part extract min_scale scale time(timestamp) time(timestamptz) timetz(timestamptz)
    to_char(interval,text) to_char(timestamp,text) to_char(timestamptz,text) to_number
"""
_MAY: Final = """
    area(path) array_dims array_length array_lower array_ndims array_position array_upper
    bool(jsonb) box_intersect close_ls close_lseg close_pb close_pl close_ps close_sb close_sl
    col_description current_schema current_setting(text,bool) float4(jsonb) float8(jsonb)
    inet_client_addr inet_client_port inet_server_addr inet_server_port int2(jsonb) int4(jsonb)
    int8(jsonb) json_array_element json_array_element_text json_extract_path json_extract_path_text
    json_object_field json_object_field_text jsonb_array_element jsonb_array_element_text
    jsonb_extract_path jsonb_extract_path_text jsonb_object_field jsonb_object_field_text
    jsonb_path_exists jsonb_path_exists_opr jsonb_path_exists_tz jsonb_path_match
    jsonb_path_match_opr jsonb_path_match_tz jsonb_path_query_first jsonb_path_query_first_tz
    line_interpt lower(anymultirange) lower(anyrange) lseg_interpt numeric(jsonb) obj_description
    path_add pg_column_compression pg_current_xact_id_if_assigned pg_get_constraintdef
    pg_get_serial_sequence pg_get_viewdef pg_last_wal_receive_lsn pg_last_wal_replay_lsn
    pg_last_xact_replay_timestamp regexp_match regexp_substr shobj_description substring(text,text)
    substring(text,text,text) system_user to_regclass to_regcollation to_regnamespace to_regoper
    to_regoperator to_regproc to_regprocedure to_regrole to_regtype to_regtypemod ts_lexize
    txid_current_if_assigned txid_status upper(anymultirange) upper(anyrange) uuid_extract_timestamp
    uuid_extract_version
"""
# By the OID of what is gone, these give NULL; by its name, an error.
_PRIVILEGES: Final = "database foreign_data_wrapper function language schema sequence server table"
_BY_NAME: Final = [
    f"has_{what}_privilege({arguments})"
    for what in _PRIVILEGES.split()
    for arguments in ("text,text", "name,text,text", "oid,text,text")
]
_EFFECTS: Final[dict[str, Effect]] = {
    **dict.fromkeys(_KEPT.split(), "kept"),
    **dict.fromkeys(_BY_NAME, "kept"),
    **dict.fromkeys(_ALWAYS.split(), "always"),
    **dict.fromkeys(_FIRST.split(), "first"),
    **dict.fromkeys(_FINITE.split(), "finite"),
    **dict.fromkeys(_MAY.split(), "may"),
    "to_char": "kept",  # of a number
    "array_cat": "one",
    "array_to_string(anyarray,text,text)": "first two",
    "pg_sequence_last_value": "may",
}


def effect(function: Function, *, is_operator: bool = False) -> Effect:
    """Return when the result of a function is not NULL.

    Of PostgreSQL's own operators all that are not listed keep what is not NULL.
    """
    if not function.builtin:
        return "unknown"
    signature = f"{function.name}({','.join(function.arguments)})"
    known = _EFFECTS.get(signature) or _EFFECTS.get(function.name)
    if known is not None:
        return known
    return "kept" if is_operator and function.strict else "unknown"


def needed(function: Function) -> int:
    """Return of how many arguments, from the first, a result that is not NULL shows they are not.

    Of a function that is not strict; a strict one needs them all.
    """
    return {"first": 1, "first two": 2}.get(effect(function), 0)


def constant(node: Node) -> int | None:
    """Return the number that an expression is, should it be one as it stands."""
    datum = node.fields.get("constvalue")
    if node.name != "CONST" or not isinstance(datum, bytes):
        return None
    return int.from_bytes(datum, "little", signed=True)


def is_filled(array: Node) -> bool:
    """Tell whether an array is not empty for certain: the list of IN, or a constant."""
    if array.name == "ARRAYEXPR":
        return not array.flag("multidims") and bool(array.children("elements"))
    return _header(array)[0] > 0


def has_no_nulls(array: Node) -> bool:
    """Tell whether an array is a constant without NULLs."""
    dimensions, data = _header(array)
    return dimensions >= 0 and data == 0


_HEADER: Final = 16


def _header(array: Node) -> tuple[int, int]:
    """Return the number of dimensions of a constant array, and where its data begin.

    They begin at 0 if it has no bitmap of NULLs. (-1, -1) if it is no constant that can be read.
    """
    datum = array.fields.get("constvalue")
    is_read = array.name == "CONST" and isinstance(datum, bytes) and len(datum) >= _HEADER
    if not is_read or not isinstance(datum, bytes) or datum[0] & 3:
        return -1, -1
    return int.from_bytes(datum[4:8], "little"), int.from_bytes(datum[8:12], "little")
