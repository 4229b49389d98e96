{#
    Host of an address in lower case, without user, port and a leading `www.`; null where there is
    none. An address may lack its scheme, so that a bare domain gives itself.
#}
{% macro url_domain(url) -%}
    {{ extract_pattern(lower_text(url), _url_host()) }}
{%- endmacro %}

{#
    RE2 on both engines; one group. What ends a host is said as well, with a port of digits at least:
    otherwise the scheme of an address without a host would be taken for one.
#}
{% macro _url_host() -%}
    {%- set space = ' \\t\\r\\n' -%}
    {%- set scheme_and_user = '(?:[a-z][a-z0-9+.-]*://)?(?:[^/?#@]*@)?' -%}
    {%- set host = '(?:www[.])?([^/?#:@' ~ space ~ ']+)' -%}
    {{ return('^[' ~ space ~ ']*' ~ scheme_and_user ~ host ~ '(?::[0-9]+)?(?:[/?#' ~ space ~ ']|$)') }}
{%- endmacro %}
