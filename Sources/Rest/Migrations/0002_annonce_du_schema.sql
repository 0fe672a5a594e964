-- Tells the API that the schema has changed, so that a new table or column is served without a word from anybody.

create function api.annoncer_schema() returns event_trigger
    language plpgsql
    set search_path = ''
as $$
begin
    -- Temporary tables are their session's own.
    if tg_event = 'sql_drop' then
        if not exists (select from pg_catalog.pg_event_trigger_dropped_objects() d where not d.is_temporary) then
            return;
        end if;
    elsif not exists (
        select from pg_catalog.pg_event_trigger_ddl_commands() c where c.schema_name is distinct from 'pg_temp'
    ) then
        return;
    end if;
    perform pg_catalog.pg_notify('pgrst', 'reload schema');
end
$$;

revoke all on function api.annoncer_schema() from public;

-- Only a superuser may watch every command. Elsewhere whoever changes the schema says so: notify pgrst, 'reload schema'.
do $$
begin
    create event trigger api_schema_change on ddl_command_end execute function api.annoncer_schema();
    create event trigger api_schema_suppression on sql_drop execute function api.annoncer_schema();
exception when insufficient_privilege then
    raise notice 'no event trigger: this role is no superuser'
        using hint = 'After a change of the schema run: notify pgrst, ''reload schema''';
end
$$;
