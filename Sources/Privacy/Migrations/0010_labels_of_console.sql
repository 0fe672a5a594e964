-- The labels of what people keep in the console: views, and the categories that they gave to expenses.
select privacy.label('console.vues', 'access', 'technical', 'id proprietaire nom adresse cree_le');
select privacy.label('console.regles_categorie', 'payments', 'none', 'ordre motif categorie');
select privacy.label('console.categories_choisies', 'payments', 'financial', 'libelle categorie');
select privacy.label('console.categories_choisies', 'payments', 'technical', 'utilisateur_id choisie_le');
