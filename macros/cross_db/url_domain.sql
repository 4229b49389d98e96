{#
    Host of an address in lower case, without user, port and a leading `www.`; null where there is
    none. An address may lack its scheme, so that a bare domain gives itself.
#}
{% macro url_domain(url) -%}
    {{ return(adapter.dispatch('url_domain')(url)) }}
{%- endmacro %}

{% macro duckdb__url_domain(url) -%}
    nullif(regexp_extract(lower({{ url }}), '{{ _url_host() }}', 1), '')
{%- endmacro %}

{% macro bigquery__url_domain(url) -%}
    nullif(regexp_extract(lower({{ url }}), r'{{ _url_host() }}'), '')
{%- endmacro %}

{# RE2 on both engines; one group. #}
{% macro _url_host() -%}
    {{ return('^[ \\t\\r\\n]*(?:[a-z][a-z0-9+.-]*://)?(?:[^/?#@]*@)?(?:www[.])?([^/?#:@ \\t\\r\\n]+)') }}
{%- endmacro %}
