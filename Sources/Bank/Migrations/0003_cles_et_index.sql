-- Keys between tables and the indexes behind them. On a restored bank this runs after the rows are in: every foreign
-- key is validated over all rows, and an index is built once instead of row by row.

alter table public.clients
    add constraint clients_numero_unique unique (numero),
    add constraint clients_utilisateur_unique unique (utilisateur_id);
-- Couples share addresses and telephones: neither is unique.
create index clients_email on public.clients (email_index) where email_index is not null;
create index clients_telephone on public.clients (telephone_index) where telephone_index is not null;

alter table public.comptes
    add constraint comptes_client_existe foreign key (client_id) references public.clients (id),
    add constraint comptes_devise_connue foreign key (devise) references public.devises (code),
    add constraint comptes_iban_unique unique (iban_index);
create index comptes_client on public.comptes (client_id);

alter table public.cartes
    add constraint cartes_compte_existe foreign key (compte_id) references public.comptes (id),
    add constraint cartes_jeton_unique unique (pan_jeton),
    add constraint cartes_pan_unique unique (pan_index);
create index cartes_compte on public.cartes (compte_id);

alter table public.transactions
    add constraint transactions_pkey primary key (id, booked_at);
create index transactions_debit on public.transactions (compte_debit_id, booked_at);
create index transactions_credit on public.transactions (compte_credit_id, booked_at);
alter table public.transactions
    add constraint transactions_debit_existe foreign key (compte_debit_id) references public.comptes (id),
    add constraint transactions_credit_existe foreign key (compte_credit_id) references public.comptes (id);

alter table public.ecritures
    add constraint ecritures_compte_existe foreign key (compte_id) references public.comptes (id);

alter table public.beneficiaires
    add constraint beneficiaires_client_existe foreign key (client_id) references public.clients (id);
create index beneficiaires_client on public.beneficiaires (client_id);
create index beneficiaires_iban on public.beneficiaires (iban_index);

alter table public.virements
    add constraint virements_donneur_existe foreign key (donneur_id) references public.clients (id),
    add constraint virements_debit_existe foreign key (compte_debit_id) references public.comptes (id),
    add constraint virements_credit_existe foreign key (compte_credit_id) references public.comptes (id),
    add constraint virements_beneficiaire_existe foreign key (beneficiaire_id) references public.beneficiaires (id),
    add constraint virements_cle_unique unique (donneur_id, cle_idempotence);

create index logs_horodatage on public.logs using brin (horodatage);

alter table public.comptes_internes
    add constraint comptes_internes_compte_existe foreign key (compte_id) references public.comptes (id),
    add constraint comptes_internes_devise_connue foreign key (devise) references public.devises (code);
