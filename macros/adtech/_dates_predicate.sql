{# Dates as text; ISO dates sort as text, so intervals are compared without parsing them again. #}
{% macro _shift_date(day, days) %}
    {%- set moved = modules.datetime.date.fromisoformat(day) + modules.datetime.timedelta(days=days) -%}
    {{ return(moved.isoformat()) }}
{% endmacro %}


{# The first and the last date of the month of a date. #}
{% macro _month_of(day) %}
    {%- set first = modules.datetime.date.fromisoformat(day[:8] ~ '01') -%}
    {%- set next_first = (first + modules.datetime.timedelta(days=31)).replace(day=1) -%}
    {{ return([first.isoformat(), _shift_date(next_first.isoformat(), -1)]) }}
{% endmacro %}


{#
    An interval of output dates, widened to whole months where the effect says so, and then by the days
    that it reaches, or that are read, beyond them.
#}
{% macro _widened_interval(interval, unit, days_before, days_after) %}
    {%- set start, end = interval -%}
    {%- if unit == 'month' -%}
        {%- set start = _month_of(start)[0] -%}
        {%- set end = none if end is none else _month_of(end)[1] -%}
    {%- elif unit is not none -%}
        {{ _argument_error("a date effect is widened to a month, not to '" ~ unit ~ "'") }}
    {%- endif -%}
    {{ return([_shift_date(start, -days_before), none if end is none else _shift_date(end, days_after)]) }}
{% endmacro %}


{# Intervals [start, end] of affected dates, merged and sorted; end none is open. #}
{% macro _affected_intervals(effects, days_before, days_after) %}
    {%- set intervals = [] -%}
    {%- set again = _window().get('again') -%}
    {%- for effect in effects -%}
        {%- set unknown = effect.keys() | reject('in', [
            'input', 'by', 'days_before', 'days_after', 'widen_to', 'days_beyond'
        ]) | list -%}
        {%- if unknown -%}
            {{ _argument_error("a date effect has no key '" ~ unknown[0] ~ "'") }}
        {%- endif -%}
        {%- set window = _window_of(effect['input']) -%}
        {%- set by = effect.get('by', 'event_date') -%}
        {%- set before = -effect.get('days_before', 0) -%}
        {%- set after = effect.get('days_after', 0) -%}
        {%- set found = [] -%}
        {%- if again and by == 'event_date' -%}
            {%- do found.append([_shift_date(again[0], before), _shift_date(again[1], after)]) -%}
        {%- endif -%}
        {%- if window['to_seq'] <= window['from_seq'] -%}
        {%- elif by == 'event_date' -%}
            {%- for day in window['touched_dates'] -%}
                {%- do found.append([_shift_date(day, before), _shift_date(day, after)]) -%}
            {%- endfor -%}
        {%- elif by == 'effective_from' -%}
            {%- if window['min_effective_date'] -%}
                {%- do found.append([_shift_date(window['min_effective_date'], before), none]) -%}
            {%- endif -%}
        {%- elif by == 'any' -%}
            {%- do intervals.append(['0001-01-01', none]) -%}
        {%- else -%}
            {{ _argument_error("a date effect is by event_date, effective_from or any, not '" ~ by ~ "'") }}
        {%- endif -%}
        {%- for interval in found -%}
            {%- set beyond = effect.get('days_beyond', 0) -%}
            {%- do intervals.append(_widened_interval(
                interval, effect.get('widen_to'), days_before + beyond, days_after + beyond
            )) -%}
        {%- endfor -%}
    {%- endfor -%}

    {%- set merged = [] -%}
    {%- for interval in intervals | sort(attribute='0') -%}
        {%- if merged and (merged[-1][1] is none or interval[0] <= _shift_date(merged[-1][1], 1)) -%}
            {%- set last = merged.pop() -%}
            {%- set open = last[1] is none or interval[1] is none -%}
            {%- do merged.append([last[0], none if open else [last[1], interval[1]] | max]) -%}
        {%- else -%}
            {%- do merged.append(interval) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(merged) }}
{% endmacro %}


{% macro _dates_predicate(column, effects, days_before, days_after) %}
    {%- set window = _window() -%}
    {%- if not window or window['previous_pin'] is none -%}
        {{ return('true') }}
    {%- endif -%}
    {%- set terms = [] -%}
    {%- for start, end in _affected_intervals(effects, days_before, days_after) -%}
        {%- if end is none and start == '0001-01-01' -%}
            {{ return('true') }}
        {%- elif end is none -%}
            {%- do terms.append(column ~ " >= date '" ~ start ~ "'") -%}
        {%- elif start == end -%}
            {%- do terms.append(column ~ " = date '" ~ start ~ "'") -%}
        {%- else -%}
            {%- do terms.append(column ~ " between date '" ~ start ~ "' and date '" ~ end ~ "'") -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return('(' ~ terms | join(' or ') ~ ')' if terms else 'false') }}
{% endmacro %}
