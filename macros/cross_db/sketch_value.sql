{#
    What a distinct-count sketch keeps of a thing: the first 60 bits of its hash as an integer. `hash`
    is a hash column, or `md5_hash(text)`.
#}
{% macro sketch_value(hash) -%}
    {{ _safe_cast("'0x' || substr(" ~ hash_to_text(hash) ~ ", 1, 15)", 'bigint') }}
{%- endmacro %}
