-- What the queue's page counts and asks for, without its rows: they are many times as long.

-- Begins with what no other question asks by, so that only countings are led here.
CREATE INDEX reviews_counted ON reviews (created, state, deferred_until, lease_until, node, confidence, assignee);
-- Somebody has agreed, a second person has to.
CREATE INDEX reviews_agreed ON reviews (value DESC, id)
    WHERE state IN ('open', 'claimed') AND evidence LIKE '%"agreed":%';
