-- A watched table writes into the outbox only what some scenario may want. A scenario's condition comes as a tree of
-- JSON, never as SQL; what is written here are columns that the table has (%I) and literals (%L).
--
-- The planner judges every event again, so the trigger may let too much through and never too little. `p_may` asks for
-- an expression that holds whenever the condition may hold; without it, for one that holds only when it must. What is
-- not understood is true for the first and false for the second. No expression is ever null, none can fail.

alter table automation.watches add column filter jsonb;

-- One side of a comparison: [kind, expression, is a column]. Kinds: null, int, decimal, bool, text, other, json, unknown.
create function automation.filter_side(p_table regclass, p_side jsonb, p_operation text) returns text[]
    language plpgsql stable set search_path = ''
    as $$
declare
    v_kind text := p_side ->> 0;
    v_value text := p_side ->> 1;
    v_type oid;
begin
    if v_kind = 'value' then
        return case jsonb_typeof(p_side -> 1)
            when 'null' then array['null', 'null', null]
            when 'boolean' then array['bool', v_value, null]
            when 'string' then array['text', v_value, null]
            when 'number' then
                -- Longer ones are no figures of a bank, and would not compare as the planner compares.
                case when v_value ~ '^-?[0-9]{1,15}$' then array['int', '(' || v_value || ')', null]
                    when v_value ~ '^-?[0-9]{1,15}\.[0-9]{1,15}$' then array['decimal', '(' || v_value || ')', null]
                    else array['unknown', null, null] end
            else array['unknown', null, null] end;
    elsif v_kind = 'operation' then
        return array['text', p_operation, null];
    elsif v_kind not in ('column', 'old') then
        return array['unknown', null, null];
    elsif v_kind = 'old' and p_operation = 'insert' then
        return array['null', 'null', null];
    end if;
    select case when t.typtype = 'd' then t.typbasetype else t.oid end into v_type
    from pg_catalog.pg_attribute a join pg_catalog.pg_type t on t.oid = a.atttypid
    where a.attrelid = p_table and a.attname = v_value and a.attnum > 0 and not a.attisdropped;
    return array[
        case
            when v_type in ('int2'::regtype, 'int4'::regtype, 'int8'::regtype) then 'int'
            when v_type = 'numeric'::regtype then 'decimal'
            when v_type = 'bool'::regtype then 'bool'
            when v_type in ('text'::regtype, 'varchar'::regtype, 'uuid'::regtype) then 'text'
            when v_type in ('json'::regtype, 'jsonb'::regtype) then 'json'
            when exists (select from pg_catalog.pg_type t where t.oid = v_type and t.typtype = 'e') then 'text'
            when exists (select from pg_catalog.pg_type t where t.oid = v_type and t.typtype = 'b') then 'other'
            else 'unknown' end,
        format(case v_kind when 'old' then 'old.%I' else 'new.%I' end, v_value), 'column'];
end
$$;

create function automation.filter_equal(p_left text[], p_right text[], p_may boolean) returns text
    language plpgsql immutable set search_path = ''
    as $$
declare
    v_unknown text := p_may::text;
    v_a text := p_left[2];
    v_b text := p_right[2];
    v_slack numeric;
begin
    if p_left[1] = 'unknown' or p_right[1] = 'unknown' then
        return v_unknown;
    elsif p_right[3] is not null and p_left[3] is null then
        return automation.filter_equal(p_right, p_left, p_may);
    elsif p_left[3] is null then
        -- Two constants: of one kind they are equal or not.
        return case
            when p_left[1] = 'text' and p_right[1] = 'text' then (normalize(v_a) = normalize(v_b))::text
            when p_left[1] in ('int', 'decimal') and p_right[1] in ('int', 'decimal') then v_unknown
            else (p_left[1] = p_right[1] and v_a = v_b)::text end;
    elsif p_right[1] = 'null' then
        return case when p_left[1] = 'json' then v_unknown else format('(%s is null)', v_a) end;
    elsif p_left[1] in ('other', 'json') or p_right[1] in ('other', 'json') then
        return v_unknown;
    elsif p_right[3] is not null then
        if p_left[1] = p_right[1] and not p_may then
            return format('(%s is not distinct from %s)', v_a, v_b);
        elsif p_left[1] = p_right[1] and p_left[1] = 'bool' then
            return format('(%s is not distinct from %s)', v_a, v_b);
        end if;
        return v_unknown;
    elsif p_left[1] = p_right[1] and p_left[1] in ('int', 'bool') then
        return format('coalesce(%s = %s, false)', v_a, v_b);
    elsif p_left[1] in ('int', 'decimal') and p_right[1] in ('int', 'decimal') then
        -- The planner compares as double precision: what differs behind the fifteenth digit may be equal there.
        if not p_may then
            return 'false';
        end if;
        v_slack := abs(btrim(v_b, '()')::numeric) * 1e-12;
        return format('coalesce(%1$s between %2$s - %3$s and %2$s + %3$s, false)', v_a, v_b, v_slack);
    elsif p_left[1] = 'text' and p_right[1] = 'text' then
        -- Three characters outside ASCII are the same as K, ; and ` to those who know Unicode.
        if not p_may or v_b ~ '^[A-JL-Za-z0-9_ .:/@-]*$' then
            return format('coalesce(%s::text collate "C" = %L, false)', v_a, v_b);
        elsif v_b ~ '^[\u0020-\u024f]*$' then
            return format('coalesce(normalize(%s::text) collate "C" = normalize(%L), false)', v_a, v_b);
        end if;
        return v_unknown;
    end if;
    return v_unknown;
end
$$;

create function automation.filter_order(p_left text[], p_how text, p_right text[], p_may boolean) returns text
    language plpgsql immutable set search_path = ''
    as $$
declare
    v_slack numeric;
begin
    if p_how not in ('<', '<=', '>', '>=') then
        return p_may::text;
    elsif 'null' in (p_left[1], p_right[1]) then
        return 'false';
    elsif p_left[1] not in ('int', 'decimal') or p_right[1] not in ('int', 'decimal') then
        return p_may::text;
    elsif p_left[3] is null and p_right[3] is not null then
        return automation.filter_order(
            p_right, case p_how when '<' then '>' when '<=' then '>=' when '>' then '<' else '<=' end, p_left, p_may);
    elsif p_left[1] = 'int' and p_right[1] = 'int' then
        return format('coalesce(%s %s %s, false)', p_left[2], p_how, p_right[2]);
    elsif not p_may then
        return 'false';
    elsif p_how in ('<', '>') then
        return format('coalesce(%s %s %s, false)', p_left[2], p_how, p_right[2]);
    elsif p_right[3] is null then
        v_slack := abs(btrim(p_right[2], '()')::numeric) * 1e-12;
        return format('coalesce(%s %s %s %s %s, false)', p_left[2], p_how, p_right[2],
            case p_how when '<=' then '+' else '-' end, v_slack);
    end if;
    return 'true';
end
$$;

create function automation.filter_text(p_table regclass, p_node jsonb, p_operation text, p_may boolean) returns text
    language plpgsql stable set search_path = ''
    as $$
declare
    v_kind text := p_node ->> 0;
    v_a text;
    v_b text;
    v_side text[];
    v_other jsonb;
begin
    if v_kind = 'constant' then
        return case when p_node -> 1 = 'true' then 'true' else 'false' end;
    elsif v_kind = 'not' then
        v_a := automation.filter_text(p_table, p_node -> 1, p_operation, not p_may);
        return case v_a when 'true' then 'false' when 'false' then 'true' else format('not %s', v_a) end;
    elsif v_kind in ('both', 'either') then
        v_a := automation.filter_text(p_table, p_node -> 1, p_operation, p_may);
        v_b := automation.filter_text(p_table, p_node -> 2, p_operation, p_may);
        if v_kind = 'both' then
            return case when 'false' in (v_a, v_b) then 'false' when v_a = 'true' then v_b when v_b = 'true' then v_a
                else format('(%s and %s)', v_a, v_b) end;
        end if;
        return case when 'true' in (v_a, v_b) then 'true' when v_a = 'false' then v_b when v_b = 'false' then v_a
            else format('(%s or %s)', v_a, v_b) end;
    elsif v_kind = 'exists' then
        v_side := automation.filter_side(p_table, p_node -> 1, p_operation);
        return case
            when v_side[1] = 'null' then 'false'
            when v_side[3] is null then case v_side[1] when 'unknown' then p_may::text else 'true' end
            when v_side[1] = 'unknown' or v_side[1] = 'json' and not p_may then p_may::text
            else format('(%s is not null)', v_side[2]) end;
    elsif v_kind = 'compare' then
        if p_node ->> 1 = '=' then
            return automation.filter_equal(automation.filter_side(p_table, p_node -> 2, p_operation),
                automation.filter_side(p_table, p_node -> 3, p_operation), p_may);
        elsif p_node ->> 1 = '!=' then
            return automation.filter_text(p_table,
                jsonb_build_array('not', jsonb_build_array('compare', '=', p_node -> 2, p_node -> 3)), p_operation, p_may);
        end if;
        return automation.filter_order(automation.filter_side(p_table, p_node -> 2, p_operation), p_node ->> 1,
            automation.filter_side(p_table, p_node -> 3, p_operation), p_may);
    elsif v_kind = 'in' then
        v_side := automation.filter_side(p_table, p_node -> 1, p_operation);
        v_a := 'false';
        for v_other in select x from jsonb_array_elements(p_node -> 2) x loop
            v_b := automation.filter_equal(v_side, automation.filter_side(p_table, v_other, p_operation), p_may);
            v_a := case when 'true' in (v_a, v_b) then 'true' when v_a = 'false' then v_b when v_b = 'false' then v_a
                else format('(%s or %s)', v_a, v_b) end;
        end loop;
        return v_a;
    end if;
    return p_may::text;
end
$$;

drop function automation.watch(text, text[], text[]);

-- Makes `p_table` write the named columns into the outbox, in the transaction that changes it, when some condition of
-- `p_filter` ({"insert": [...], "update": [...]}) may hold. Changes nothing when it does already; false when there is no
-- such table.
create function automation.watch(p_table text, p_columns text[], p_operations text[], p_filter jsonb) returns boolean
    language plpgsql
    set search_path = ''
    as $$
declare
    v_table regclass := to_regclass(p_table);
    v_name text := 'capture_' || substr(md5(p_table), 1, 16);
    v_operation text;
    v_new text;
    v_old text;
    v_changed text;
    v_missing text;
    v_filter text;
begin
    if v_table is null then
        return false;
    end if;
    if exists (
        select from automation.watches w
        where w.source = p_table and w.columns = p_columns and w.operations = p_operations
            and w.filter is not distinct from p_filter
            and exists (select from pg_catalog.pg_trigger t
                where t.tgrelid = v_table and t.tgname like 'automation\_%')
    ) then
        return true;
    end if;
    select string_agg(c, ', ') into v_missing from unnest(p_columns) c
    where not exists (select from pg_catalog.pg_attribute a
        where a.attrelid = v_table and a.attname = c and a.attnum > 0 and not a.attisdropped);
    if v_missing is not null then
        raise exception 'the table % has no column %', p_table, v_missing using errcode = '42703';
    end if;
    select string_agg(format('%L, new.%I', c, c), ', '), string_agg(format('%L, old.%I', c, c), ', '),
        string_agg(format('old.%I is distinct from new.%I', c, c), ' or ')
    into v_new, v_old, v_changed from unnest(p_columns) c;
    execute format($f$
        create or replace function automation.%I() returns trigger language plpgsql security definer
            set search_path = '' as $t$
        begin
            if tg_op = 'UPDATE' then
                insert into automation.outbox (source, operation, payload)
                values (%L, 'update', jsonb_build_object(%s, 'old', jsonb_build_object(%s)));
            else
                insert into automation.outbox (source, operation, payload)
                values (%L, 'insert', jsonb_build_object(%s));
            end if;
            return null;
        end
        $t$ $f$, v_name, p_table, v_new, v_old, p_table, v_new);
    execute format('revoke execute on function automation.%I() from public', v_name);
    foreach v_operation in array array['insert', 'update'] loop
        execute format('drop trigger if exists %I on %s', 'automation_' || v_operation, v_table);
        continue when not v_operation = any (p_operations);
        select coalesce(string_agg(format('(%s)', x.may), ' or '), 'true') into v_filter
        from jsonb_array_elements(p_filter -> v_operation) n
        cross join lateral (select automation.filter_text(v_table, n, v_operation, true) as may) x
        where x.may <> 'false'
        having count(*) > 0 and not bool_or(x.may = 'true') and sum(length(x.may)) < 20000;
        if v_filter is null then
            -- No condition at all, one that is always true, or none that can hold.
            continue when jsonb_array_length(p_filter -> v_operation) > 0 and not exists (
                select from jsonb_array_elements(p_filter -> v_operation) n
                where automation.filter_text(v_table, n, v_operation, true) <> 'false');
            v_filter := 'true';
        end if;
        execute format('create trigger %I after %s on %s for each row when ((%s) and (%s)) execute function automation.%I()',
            'automation_' || v_operation, v_operation, v_table,
            case v_operation when 'update' then v_changed else 'true' end, v_filter, v_name);
    end loop;
    insert into automation.watches (source, columns, operations, filter)
    values (p_table, p_columns, p_operations, p_filter)
    on conflict (source) do update
    set columns = excluded.columns, operations = excluded.operations, filter = excluded.filter,
        changed_at = clock_timestamp();
    return true;
end
$$;

revoke execute on all functions in schema automation from public;
