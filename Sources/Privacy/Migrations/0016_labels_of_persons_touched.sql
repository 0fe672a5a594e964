-- The labels of what the detection keeps of persons that incidents concern.
select privacy.label('detection.touched', 'security', 'contact', 'key detail');
select privacy.label('detection.touched', 'security', 'technical',
    'incident_id source kind is_read is_changed first_at last_at acts');
select privacy.label('detection.persons', 'security', 'technical', '*');
select privacy.label('detection.suspect_windows', 'security', 'technical', '*');
select privacy.apply_labels();
