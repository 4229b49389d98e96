{# Dates as text; ISO dates sort as text, so intervals are compared without parsing them again. #}
{% macro _shift_date(day, days) %}
    {%- set moved = modules.datetime.date.fromisoformat(day) + modules.datetime.timedelta(days=days) -%}
    {{ return(moved.isoformat()) }}
{% endmacro %}


{# Intervals [start, end] of affected dates, merged and sorted; end none is open. #}
{% macro _affected_intervals(effects, days_before, days_after) %}
    {%- set intervals = [] -%}
    {%- set again = _window().get('again') -%}
    {%- for effect in effects -%}
        {%- set unknown = effect.keys() | reject('in', ['input', 'by', 'days_before', 'days_after']) | list -%}
        {%- if unknown -%}
            {{ _argument_error("a date effect has no key '" ~ unknown[0] ~ "'") }}
        {%- endif -%}
        {%- set window = _window_of(effect['input']) -%}
        {%- set by = effect.get('by', 'event_date') -%}
        {%- set before = -(effect.get('days_before', 0) + days_before) -%}
        {%- set after = effect.get('days_after', 0) + days_after -%}
        {%- if again and by == 'event_date' -%}
            {%- do intervals.append([_shift_date(again[0], before), _shift_date(again[1], after)]) -%}
        {%- endif -%}
        {%- if window['to_seq'] <= window['from_seq'] -%}
        {%- elif by == 'event_date' -%}
            {%- for day in window['touched_dates'] -%}
                {%- do intervals.append([_shift_date(day, before), _shift_date(day, after)]) -%}
            {%- endfor -%}
        {%- elif by == 'effective_from' -%}
            {%- if window['min_effective_date'] -%}
                {%- do intervals.append([_shift_date(window['min_effective_date'], before), none]) -%}
            {%- endif -%}
        {%- elif by == 'any' -%}
            {%- do intervals.append(['0001-01-01', none]) -%}
        {%- else -%}
            {{ _argument_error("a date effect is by event_date, effective_from or any, not '" ~ by ~ "'") }}
        {%- endif -%}
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
