-- The bank's own role shows a client what became of the payments that the desk stopped.
do $$
begin
    if exists (select from pg_roles where rolname = 'service_role') then
        execute 'grant select on fraud.etiquettes to service_role';
        execute 'create policy etiquettes_service on fraud.etiquettes for select to service_role using (true)';
    end if;
end
$$;
