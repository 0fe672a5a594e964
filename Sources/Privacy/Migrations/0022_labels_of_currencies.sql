-- The labels of the currency beside each amount of the figures.
select privacy.label('bi.fact_transaction', 'analysis', 'technical', 'devise');
select privacy.label('bi.fact_solde_jour', 'analysis', 'technical', 'devise');
select privacy.label('bi.fact_alerte_fraude', 'fraud', 'technical', 'devise');
select privacy.apply_labels();
