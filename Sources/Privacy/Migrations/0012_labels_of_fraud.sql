-- The labels of what the fraud desk keeps since its first day without labels.
select privacy.label('fraud.modeles', 'fraud', 'none', 'nature');
select privacy.label('fraud.decisions', 'fraud', 'technical', 'regles_version colonnes_version');
select privacy.label('fraud.etats_repris', 'fraud', 'technical', '*');
select privacy.label('fraud.derives', 'fraud', 'none', '*');
select privacy.label('fraud.baux', 'fraud', 'technical', '*');
select privacy.label('fraud.indicators', 'fraud', 'none', '*');
