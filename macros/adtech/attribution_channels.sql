{#
    The marketing channels that events and line items may name (their contracts say so); a test compares
    them with dim_channels. Data-driven attribution is compiled for these.
#}
{% macro attribution_channels() %}
    {{ return(['display', 'video', 'social', 'native', 'search', 'ctv']) }}
{% endmacro %}
