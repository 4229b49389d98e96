{#
    What Crunchbase deleted of one kind (`organization`, `funding_round`, ...), as a source of the
    kind's hub and satellite. A deletion says nothing but that: its payload is null, as in the
    campaigns database.
#}
{% macro crunchbase_deletions(kind, payload=[]) %}
    {%- set columns = {
        kind ~ '_hk': 'entity_hk',
        kind ~ '_bk': 'entity_id',
        kind ~ '_hashdiff': 'deletion_hashdiff',
    } -%}
    {%- for column in payload -%}
        {%- do columns.update({column: 'null'}) -%}
    {%- endfor -%}
    {{ return({
        'relation': ref('stg_crunchbase__deleted_entities'),
        'columns': columns,
        'where': "entity_kind = '" ~ kind ~ "'",
    }) }}
{% endmacro %}
