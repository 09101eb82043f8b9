"""Whether a statement that begins with SELECT does no more than read.

It may call a function that writes, and only the server knows which do. So the functions of
PostgreSQL's own that change nothing are known here, and any other is taken for one that may.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from quantdb.lexer import Token

__all__ = ["may_write"]

_WRITING: Final = frozenset({"insert", "update", "delete", "merge"})

# What may stand before a parenthesis: key words, types, and the functions that pg_proc has as
# immutable or stable, or that are volatile and harmless (random, clock_timestamp, pg_sleep).
_HARMLESS: Final = frozenset(
    """
    abbrev abs acos acosd acosh age all analyse analyze and any any_value area array array_agg
    array_append array_dims array_fill array_length array_lower array_ndims array_position
    array_positions array_prepend array_remove array_replace array_reverse array_sample
    array_shuffle array_sort array_to_json array_to_string array_to_tsvector array_upper as asc
    ascii asin asind asinh asymmetric atan atan2 atan2d atand atanh authorization avg between
    bigint binary bit bit_and bit_count bit_length bit_or bit_xor bool_and bool_or boolean both
    bound_box bpchar broadcast btrim by bytea cardinality case casefold cast cbrt ceil ceiling
    center char char_length character character_length check chr cidr clock_timestamp coalesce
    col_description collate collation column columns concat concat_ws concurrently constraint
    convert convert_from convert_to corr cos cosd cosh cot cotd count covar_pop covar_samp crc32
    crc32c create cross cube cume_dist current_catalog current_database current_date current_query
    current_role current_schema current_schemas current_setting current_time current_timestamp
    current_user currval date date_add date_bin date_part date_subtract date_trunc datemultirange
    daterange dec decimal decode default deferrable degrees dense_rank desc diameter distinct div
    do else encode end enum_first enum_range erf erfc escape every except exists exp extract
    factorial false family fetch filter first_value float float4 float8 floor for foreign format
    format_type freeze from full gamma gcd gen_random_uuid generate_series generate_subscripts
    get_bit get_byte get_current_ts_config getdatabaseencoding grant greatest group grouping
    has_any_column_privilege has_column_privilege has_database_privilege has_function_privilege
    has_schema_privilege has_sequence_privilege has_table_privilege having height host hostmask
    icu_unicode_version ilike in inet inet_client_addr inet_client_port inet_server_addr
    inet_server_port initcap initially inner inout int int2 int4 int4multirange int4range int8
    int8multirange int8range integer intersect interval into is is_normalized isclosed isempty
    isfinite ishorizontal isnull isopen isparallel isperp isvertical join json json_agg json_array
    json_array_elements json_array_elements_text json_array_length json_arrayagg json_build_array
    json_build_object json_each json_each_text json_exists json_extract_path
    json_extract_path_text json_object json_object_agg json_object_keys json_objectagg
    json_populate_record json_populate_recordset json_query json_scalar json_serialize
    json_strip_nulls json_table json_to_record json_to_recordset json_to_tsvector json_typeof
    json_value jsonb jsonb_agg jsonb_array_elements jsonb_array_elements_text jsonb_array_length
    jsonb_build_array jsonb_build_object jsonb_each jsonb_each_text jsonb_extract_path
    jsonb_extract_path_text jsonb_insert jsonb_object jsonb_object_agg jsonb_object_keys
    jsonb_path_exists jsonb_path_exists_tz jsonb_path_match jsonb_path_match_tz jsonb_path_query
    jsonb_path_query_array jsonb_path_query_array_tz jsonb_path_query_first
    jsonb_path_query_first_tz jsonb_path_query_tz jsonb_populate_record
    jsonb_populate_record_valid jsonb_populate_recordset jsonb_pretty jsonb_set jsonb_set_lax
    jsonb_strip_nulls jsonb_to_record jsonb_to_recordset jsonb_to_tsvector jsonb_typeof
    justify_days justify_hours justify_interval lag last_value lastval lateral lcm lead leading
    least left length lgamma like limit line ln localtime localtimestamp log log10 lower lower_inc
    lower_inf lpad ltrim make_date make_interval make_time make_timestamp make_timestamptz masklen
    materialized max md5 merge_action min min_scale mod mode multirange name national natural
    nchar nested netmask network none normalize not notnull now npoints nth_value ntile null
    nullif num_nonnulls num_nulls numeric nummultirange numnode numrange obj_description
    octet_length offset on only or order ordinality out outer over overlaps overlay parse_ident
    pclose percent_rank percentile_cont percentile_disc pg_backend_pid pg_basetype
    pg_blocking_pids pg_char_to_encoding pg_client_encoding pg_collation_for
    pg_collation_is_visible pg_column_compression pg_column_is_updatable pg_column_size
    pg_column_toast_chunk_id pg_conf_load_time pg_conversion_is_visible pg_current_snapshot
    pg_current_wal_lsn pg_current_xact_id pg_current_xact_id_if_assigned pg_database_size
    pg_describe_object pg_encoding_max_length pg_encoding_to_char pg_filenode_relation
    pg_function_is_visible pg_get_constraintdef pg_get_expr pg_get_function_arguments
    pg_get_function_identity_arguments pg_get_function_result pg_get_functiondef pg_get_indexdef
    pg_get_keywords pg_get_partkeydef pg_get_serial_sequence pg_get_triggerdef pg_get_userbyid
    pg_get_viewdef pg_has_role pg_indexes_size pg_input_error_info pg_input_is_valid
    pg_is_in_recovery pg_is_other_temp_schema pg_last_wal_receive_lsn pg_last_wal_replay_lsn
    pg_last_xact_replay_timestamp pg_listening_channels pg_my_temp_schema pg_partition_ancestors
    pg_partition_root pg_partition_tree pg_postmaster_start_time pg_prepared_statement
    pg_relation_filenode pg_relation_filepath pg_relation_is_publishable pg_relation_is_updatable
    pg_relation_size pg_size_bytes pg_size_pretty pg_sleep pg_sleep_for pg_sleep_until
    pg_stat_get_activity pg_table_is_visible pg_table_size pg_tablespace_databases
    pg_tablespace_location pg_tablespace_size pg_total_relation_size pg_trigger_depth
    pg_type_is_visible pg_typeof pg_visible_in_snapshot pg_wal_lsn_diff pg_xact_status
    phraseto_tsquery pi placing plainto_tsquery point popen position pow power precision primary
    quote_ident quote_literal quote_nullable radians radius random random_normal range_agg
    range_intersect_agg range_merge rank real recursive references regexp_count regexp_instr
    regexp_like regexp_match regexp_matches regexp_replace regexp_split_to_array
    regexp_split_to_table regexp_substr regr_avgx regr_avgy regr_count regr_intercept regr_r2
    regr_slope regr_sxx regr_sxy regr_syy repeat replace returning reverse right rollup round row
    row_number row_security_active row_to_json rpad rtrim scale select session_user set set_bit
    set_byte set_masklen setof sets setweight sha224 sha256 sha384 sha512 shobj_description sign
    similar sin sind sinh slope smallint some split_part sqrt statement_timestamp stddev
    stddev_pop stddev_samp string_agg string_to_array string_to_table strip strpos substr
    substring sum symmetric system_user table tablesample tan tand tanh text then time timeofday
    timestamp timestamptz timetz timezone to to_ascii to_bin to_char to_date to_hex to_json
    to_jsonb to_number to_oct to_regclass to_regnamespace to_regproc to_regprocedure to_regrole
    to_regtype to_timestamp to_tsquery to_tsvector trailing transaction_timestamp translate treat
    trim trim_array trim_scale true trunc ts_debug ts_delete ts_filter ts_headline ts_lexize
    ts_parse ts_rank ts_rank_cd ts_token_type tsmultirange tsrange tstzmultirange tstzrange
    txid_current txid_current_if_assigned txid_current_snapshot txid_status
    txid_visible_in_snapshot unicode_assigned unicode_version union unique unistr unnest upper
    upper_inc upper_inf user using uuid uuid_extract_timestamp uuid_extract_version uuidv4 uuidv7
    values var_pop var_samp varchar variadic variance verbose version websearch_to_tsquery when
    where width width_bucket window with within xml xml_is_well_formed xml_is_well_formed_content
    xml_is_well_formed_document xmlagg xmlattributes xmlcomment xmlconcat xmlelement xmlexists
    xmlforest xmlnamespaces xmlparse xmlpi xmlroot xmlserialize xmltable xmltext xmlvalidate zone
    """.split()  # noqa: SIM905 - a list of words
)


def may_write(tokens: Sequence[Token]) -> bool:
    """Tell whether a statement may change rows, or lock them, or calls what may."""
    return any(token.word in _WRITING for token in tokens) or any(
        _may_write(tokens, place)
        for place, (token, following) in enumerate(pairwise(tokens))
        if token.identifier and following.text == "("
    )


def _may_write(tokens: Sequence[Token], place: int) -> bool:
    """Tell whether the name at a *place*, before a parenthesis, is a function that may write."""
    before = [token.identifier or token.text for token in tokens[max(place - 2, 0) : place]]
    if before[-1:] == ["as"] or (before[-1:] == [")"] and not _is_distinct_on(tokens)):
        return False  # the columns of an alias
    if before[-1:] == ["."] and before[:1] != ["pg_catalog"]:
        return True
    return tokens[place].identifier not in _HARMLESS and not _is_query(tokens, place)


def _is_distinct_on(tokens: Sequence[Token]) -> bool:
    """Tell whether a call may follow a parenthesis: ``DISTINCT ON (a) f(b)``."""
    return any((one.word, other.word) == ("distinct", "on") for one, other in pairwise(tokens))


def _is_query(tokens: Sequence[Token], place: int) -> bool:
    """Tell whether the name at a *place* is that of a query of WITH: ``name (columns) AS (``."""
    depth = 0
    for end, token in enumerate(tokens[place + 1 :], place + 1):
        depth += (token.text == "(") - (token.text == ")")
        if not depth:
            after = [later.word or later.text for later in tokens[end + 1 : end + 4]]
            return after[:1] == ["as"] and (
                after[1:2] in (["("], ["materialized"]) or after[1:] == ["not", "materialized"]
            )
    return False
