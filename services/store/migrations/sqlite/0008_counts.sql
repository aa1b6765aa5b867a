-- The queue's counts are read with every page that shows it: from an index, not from rows with their evidence.
CREATE INDEX reviews_counts ON reviews (state, deferred_until, lease_until, created);
