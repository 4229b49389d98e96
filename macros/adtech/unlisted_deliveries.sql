{#
    The deliveries of a relation that this insert-only model does not list yet, with their key
    `delivery_hk`. `source` has source_table, ingest_seq, position_major, position_minor and event_date;
    `inputs`: the raw tables whose new rows it comes from, as source.table.
#}
{% macro unlisted_deliveries(source, inputs) %}
    select identified.*
    from (
        select
            {{ hash_key([
                'deliveries.source_table', 'deliveries.ingest_seq:integer', 'deliveries.position_major',
                'deliveries.position_minor:integer',
            ]) }} as delivery_hk,
            deliveries.*
        from {{ source }} as deliveries
    ) as identified
    {%- if is_incremental() %}
    where
        not exists (
            select 1
            from {{ this }} as listed
            where
                listed.delivery_hk = identified.delivery_hk
                and {{ touched_dates(inputs, 'listed.event_date') }}
        )
    {%- endif %}
{% endmacro %}
