-- What pg_dump writes after the data.

ALTER TABLE ONLY public.clients ADD CONSTRAINT clients_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.comptes ADD CONSTRAINT comptes_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.cartes ADD CONSTRAINT cartes_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.transactions ADD CONSTRAINT transactions_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.beneficiaires ADD CONSTRAINT beneficiaires_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.virements ADD CONSTRAINT virements_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.employes ADD CONSTRAINT employes_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.logs ADD CONSTRAINT logs_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.releves ADD CONSTRAINT releves_pkey PRIMARY KEY (id);

CREATE INDEX comptes_client ON public.comptes USING btree (client_id);
CREATE INDEX transactions_compte_date ON public.transactions USING btree (compte_id, date_operation);
CREATE INDEX logs_horodatage ON public.logs USING btree (horodatage);

GRANT SELECT, INSERT, UPDATE ON public.clients, public.comptes, public.cartes, public.beneficiaires, public.virements
    TO app_banque;
GRANT SELECT, INSERT ON public.transactions, public.logs, public.releves TO app_banque;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO app_banque;
GRANT SELECT ON public.comptes, public.transactions, public.v_comptes_clients TO lecture_bi;
