-- A year of one site, as rows of the history; generated_year.py says what is drawn.
-- getvariable(...): site, number (of the site), exams, seed, minutes, late.

CREATE OR REPLACE MACRO draw(i, what) AS
    (hash(i, what, getvariable('number'), getvariable('seed')) % 1000000) / 1000000.0;
CREATE OR REPLACE MACRO key(i, what) AS
    md5(concat(what, '|', getvariable('number'), '|', i, '|', getvariable('seed')));
CREATE OR REPLACE MACRO from_seconds(moment, seconds) AS moment + to_seconds(CAST(seconds AS BIGINT));
-- Each site's clock is some whole hours ahead of UTC.
CREATE OR REPLACE MACRO to_local(moment) AS moment + to_hours(getvariable('number') % 4);
CREATE OR REPLACE MACRO to_utc(moment) AS moment - to_hours(getvariable('number') % 4);

-- One row an exam: what was planned, and what became of it.
CREATE OR REPLACE TEMP TABLE made AS
WITH drawn AS (
    SELECT
        i,
        key(i, 'exam') AS exam,
        printf('study-%02d', (getvariable('number') * 5 + CAST(floor(draw(i, 'study') * 5) AS BIGINT)) % 40) AS study,
        printf('S%03d_MR%d', getvariable('number'), 1 + CAST(floor(draw(i, 'scanner') * 3) AS BIGINT)) AS scanner,
        printf('S%03d_MR%d', getvariable('number'), 1 + CAST(floor(draw(i, 'other') * 3) AS BIGINT)) AS other_scanner,
        printf('protocol-%d', CAST(floor(draw(i, 'protocol') * 4) AS BIGINT)) AS protocol,
        DATE '2026-01-01' + CAST(floor(draw(i, 'day') * 365) AS INTEGER) AS planned_day,
        8 * 60 + 15 * CAST(floor(draw(i, 'slot') * 40) AS BIGINT) AS planned_minute,
        CASE WHEN draw(i, 'end') < 0.95 THEN 30 + 15 * CAST(floor(draw(i, 'length') * 3) AS BIGINT) END AS planned_minutes,
        draw(i, 'outcome') AS outcome
    FROM range(getvariable('exams')) AS numbers (i)
),
planned AS (
    SELECT
        *,
        to_utc(planned_day + to_minutes(planned_minute)) AS planned_at,
        CASE
            WHEN outcome < 0.85 THEN 'COMPLETED'
            WHEN outcome < 0.88 THEN 'DISCONTINUED'
            WHEN outcome < 0.94 THEN 'NO_SHOW'
            WHEN outcome < 0.97 THEN 'CANCELLED'
            ELSE 'REMOVED'
        END AS became,
        draw(i, 'missing') < getvariable('late') AS is_missing,
        draw(i, 'moved') < 0.1 AS is_moved,
        60 * CAST(floor(60 + draw(i, 'lead') * draw(i, 'lead again') * 60 * 24 * 60) AS BIGINT) AS lead_seconds
    FROM drawn
),
known AS (
    SELECT
        *,
        CASE
            WHEN is_missing THEN from_seconds(planned_at, 60 + 3600 * draw(i, 'late'))
            ELSE from_seconds(planned_at, -lead_seconds)
        END AS first_seen_at,
        CASE
            WHEN is_missing THEN 180 + CAST(floor(draw(i, 'unshown') * 600) AS BIGINT)
            WHEN draw(i, 'unshown') < 0.05 THEN CAST(floor(draw(i, 'unshown for') * 900) AS BIGINT)
        END AS unshown_minutes
    FROM planned
)
SELECT
    *,
    is_moved AND NOT is_missing AS moved,
    CASE WHEN is_moved AND NOT is_missing THEN from_seconds(first_seen_at, lead_seconds / 2) ELSE first_seen_at END
        AS listed_at,
    CASE WHEN draw(i, 'saved') < 0.9 THEN CAST(floor(5 + draw(i, 'seconds') * draw(i, 'slow') * 600) AS BIGINT) END
        AS saved_before,
    CASE
        WHEN became IN ('COMPLETED', 'DISCONTINUED')
        THEN from_seconds(planned_at, 60 * CAST(floor(draw(i, 'delay') * 50 - 10) AS BIGINT) + 4 * 3600 * CAST(is_missing AS BIGINT))
    END AS started_at,
    60 * CAST(floor(coalesce(planned_minutes, 40) * (0.7 + draw(i, 'took') * 0.6)) AS BIGINT) AS took_seconds,
    CASE WHEN became IN ('CANCELLED', 'REMOVED')
        THEN from_seconds(planned_at, -CAST(floor(draw(i, 'notice') * 72 * 3600) AS BIGINT)) END AS cancelled_at,
    CASE WHEN draw(i, 'elsewhere') < 0.03 THEN other_scanner ELSE scanner END AS actual_scanner,
    CASE WHEN became = 'DISCONTINUED' THEN list_extract(['110513', '110500', '110501', '110514'],
        1 + CAST(floor(draw(i, 'reason') * 4) AS BIGINT)) ELSE '' END AS reason
FROM known;

-- What became known of an exam, one after another.
CREATE OR REPLACE TEMP TABLE happened AS
WITH told AS (
    SELECT i, 1 AS n, first_seen_at AS "at", 'created' AS because, 'source' AS "by", 'SCHEDULED' AS status, 'source' AS owner,
        ['scheduled_start_date', 'scheduled_start_time', 'patient_id', 'patient_name', 'protocol_name'] AS fields FROM made
    UNION ALL
    SELECT i, 2, listed_at, 'changed', 'source', 'SCHEDULED', 'source',
        ['scheduled_start_date', 'scheduled_start_time'] FROM made WHERE moved
    UNION ALL
    SELECT i, 3, from_seconds(started_at, 2), 'changed', 'relay', 'IN_PROGRESS', 'mpps',
        ['performed_procedure_step_status', 'station_aetitle'] FROM made WHERE started_at IS NOT NULL
    UNION ALL
    SELECT i, 4, from_seconds(started_at, took_seconds + 2), 'changed', 'relay', became, 'mpps',
        ['performed_procedure_step_status', 'series_count'] FROM made WHERE started_at IS NOT NULL
    UNION ALL
    SELECT i, 5, planned_at + INTERVAL 2 DAY, 'changed', 'system', 'NO_SHOW', 'clock',
        ['performed_procedure_step_status'] FROM made WHERE became = 'NO_SHOW'
    UNION ALL
    SELECT i, 6, greatest(cancelled_at, from_seconds(listed_at, 1)), 'changed', 'source', 'CANCELLED', 'source',
        ['performed_procedure_step_status'] FROM made WHERE became = 'CANCELLED'
    UNION ALL
    SELECT i, 7, greatest(cancelled_at, from_seconds(listed_at, 1)), 'removed', 'person', 'SCHEDULED', 'source',
        ['removed'] FROM made WHERE became = 'REMOVED'
)
SELECT *, row_number() OVER (PARTITION BY i ORDER BY n) AS version FROM told;

CREATE OR REPLACE TEMP TABLE made_exams AS
SELECT
    exam, version, "at" AS known_at, CAST("at" AS DATE) AS day, getvariable('site') AS site, study,
    md5(concat(study, i // 3)) AS participant,
    because, "by" AS done_by, status, owner AS status_owner, n = 7 AS removed,
    CASE WHEN n = 2 THEN first_seen_at ELSE "at" END AS status_since_at,
    printf('visit-%d', 1 + i % 3) AS visit, 'MR' AS modality, scanner, protocol, 'MR head' AS procedure,
    to_local(plan_at) AS planned_local, plan_at AS planned_at, planned_minutes, first_seen_at,
    to_local(first_plan_at) AS first_planned_local,
    CAST(moved AND n > 1 AS BIGINT) AS reschedules,
    CASE WHEN n > 1 THEN from_seconds(first_seen_at, 40) END AS first_shown_at, unshown_minutes,
    CASE WHEN n > 1 THEN listed_at ELSE first_seen_at END AS listed_at,
    CASE WHEN n > 1 AND moved THEN listed_at
         ELSE from_seconds(first_seen_at, -60 * coalesce(unshown_minutes, 0)) END AS row_seen_at,
    from_seconds(CASE WHEN n > 1 THEN listed_at ELSE first_seen_at END, -saved_before) AS saved_at,
    0 AS edited_fields,
    CASE WHEN n IN (3, 4) THEN actual_scanner ELSE '' END AS actual_scanner,
    CASE WHEN n IN (3, 4) THEN to_local(started_at) END AS started_local,
    CASE WHEN n IN (3, 4) THEN started_at END AS started_at,
    CASE WHEN n = 4 THEN to_local(from_seconds(started_at, took_seconds)) END AS ended_local,
    CASE WHEN n = 4 THEN from_seconds(started_at, took_seconds) END AS ended_at,
    CAST(n IN (3, 4) AS BIGINT) AS steps, CASE WHEN n = 4 THEN 6 ELSE 0 END AS series,
    CASE WHEN n = 4 THEN reason ELSE '' END AS discontinuation_reason
FROM (
    SELECT *,
        CASE WHEN moved THEN planned_at + INTERVAL 1 DAY ELSE planned_at END AS first_plan_at,
        CASE WHEN moved AND n = 1 THEN planned_at + INTERVAL 1 DAY ELSE planned_at END AS plan_at
    FROM happened JOIN made USING (i)
);

-- Two scans of a hundred have no booking.
CREATE OR REPLACE TEMP TABLE made_steps AS
WITH scans AS (
    SELECT i, exam, study, md5(concat(study, i // 3)) AS participant, actual_scanner AS scanner, started_at, took_seconds,
        became AS ended_as, reason FROM made WHERE started_at IS NOT NULL
    UNION ALL
    SELECT i, '', '', '', scanner, from_seconds(planned_at, 60 * 30), 1200, 'COMPLETED', ''
    FROM made WHERE draw(i, 'unbooked') < 0.02
),
told AS (
    SELECT *, 1 AS version, 'reported' AS because, 'relay' AS "by", from_seconds(started_at, 2) AS "at" FROM scans
    UNION ALL
    SELECT *, 2, 'reported', 'relay', from_seconds(started_at, took_seconds + 2) FROM scans
    UNION ALL
    SELECT *, 3, 'told', 'write-back',
        from_seconds(started_at, took_seconds + 4 + 70 * draw(i, 'told') * draw(i, 'told slowly')) FROM scans
    WHERE exam <> '' AND draw(i, 'told at all') < 0.99
)
SELECT
    key(i, concat('step', exam = '')) AS step, version, "at" AS known_at, CAST("at" AS DATE) AS day, getvariable('site') AS site, study,
    participant, exam, CAST(exam <> '' AS BIGINT) AS exams, because, "by" AS done_by,
    CASE WHEN version = 1 THEN 'IN_PROGRESS' ELSE ended_as END AS status, scanner,
    from_seconds(started_at, CASE WHEN version = 1 THEN 1 ELSE took_seconds + 1 END) AS reported_at,
    to_local(started_at) AS started_local, started_at,
    CASE WHEN version > 1 THEN to_local(from_seconds(started_at, took_seconds)) END AS ended_local,
    CASE WHEN version > 1 THEN from_seconds(started_at, took_seconds) END AS ended_at,
    CASE WHEN version > 1 THEN reason ELSE '' END AS discontinuation_reason,
    CASE WHEN version > 1 THEN 6 ELSE 0 END AS series, CASE WHEN version > 1 THEN 640 ELSE 0 END AS images,
    CASE WHEN version = 3 THEN "at" END AS told_at
FROM told;

CREATE OR REPLACE TEMP TABLE made_current_exams AS
SELECT * FROM made_exams QUALIFY row_number() OVER (PARTITION BY exam ORDER BY version DESC) = 1
ORDER BY scanner, planned_at, exam;

CREATE OR REPLACE TEMP TABLE made_current_steps AS
SELECT * FROM made_steps QUALIFY row_number() OVER (PARTITION BY step ORDER BY version DESC) = 1
ORDER BY scanner, started_at, step;

-- Ten changed fields an exam: five when it comes, then what changes; two more are of the series it was made with.
CREATE OR REPLACE TEMP TABLE made_changes AS
SELECT
    'exam' AS kind, exam AS subject, version, unnest(fields) AS field, "at" AS known_at, CAST("at" AS DATE) AS day,
    getvariable('site') AS site, study, md5(concat(study, i // 3)) AS participant, "by" AS done_by,
    owner, CASE WHEN n = 1 THEN '' ELSE md5(concat(i, n)) END AS before_hash, md5(concat(i, n + 1)) AS after_hash
FROM happened JOIN made USING (i)
UNION ALL
SELECT 'step', step, version, unnest(['status', 'ended_at']), known_at, day, site, study, participant, done_by, 'mpps',
    '', md5(concat(step, version)) FROM made_steps WHERE because = 'reported';

CREATE OR REPLACE TEMP TABLE made_syncs AS
SELECT
    printf('study-%02d', getvariable('number') * 5 % 40 + study) AS study,
    TIMESTAMP '2026-01-01' + to_minutes(15 * tick) + to_seconds(getvariable('number')) AS ended_at,
    CAST(TIMESTAMP '2026-01-01' + to_minutes(15 * tick) AS DATE) AS day,
    getvariable('site') AS site, CASE WHEN draw(tick * 8 + study, 'sync') < 0.002 THEN 'failed' ELSE 'ok' END AS outcome,
    tick % 96 = 0 AS full_read, false AS unfinished, CAST(tick % 7 = 0 AS BIGINT) AS written, 300 AS unchanged,
    0 AS withdrawn, 0 AS rejected, 0 AS held, 0 AS missing_soon, 0 AS withheld, 0 AS unseen
FROM range(getvariable('minutes') // 15) AS ticks (tick), range(CASE WHEN getvariable('number') < 8 THEN 5 ELSE 0 END) AS studies (study);

-- Each relay is silent now and then: 20 minutes, or 7.
CREATE OR REPLACE TEMP TABLE made_relay_minutes AS
WITH minutes AS (
    SELECT m, TIMESTAMP '2026-01-01' + to_minutes(m) AS minute_at
    FROM range(getvariable('minutes')) AS numbers (m)
    WHERE NOT ((m // 20) % 2000 = getvariable('number') % 2000 + 1 OR (m % 5000 BETWEEN 100 AND 106))
)
SELECT
    key(0, 'relay') AS relay, minute_at, from_seconds(minute_at, 30) AS heard_at, CAST(minute_at AS DATE) AS day,
    getvariable('site') AS site, '1.0.0' AS software, 300 AS items, 0 AS outbox, NULL AS outbox_seconds, 0 AS parked,
    0 AS problems, true AS pull_works, 5 AS pull_seconds, true AS push_works, 60 AS push_seconds,
    60 * (m - lag(m) OVER (ORDER BY m)) AS silent_seconds
FROM minutes;

CREATE OR REPLACE TEMP TABLE made_queries AS
SELECT
    key(0, 'relay') AS relay, printf('S%03d_MR%d', getvariable('number'), 1 + scanner) AS scanner,
    TIMESTAMP '2026-01-01' + to_hours(hour) AS hour_at, kind,
    CAST(TIMESTAMP '2026-01-01' + to_hours(hour) AS DATE) AS day, getvariable('site') AS site,
    CAST(floor(draw(hour * 8 + scanner, kind) * 60) AS BIGINT) AS requests,
    CASE WHEN kind = 'request' THEN CAST(floor(draw(hour * 8 + scanner, 'answers') * 900) AS BIGINT) ELSE 0 END AS answers
FROM range(getvariable('minutes') // 60) AS hours (hour), range(3) AS scanners (scanner), (VALUES ('find'), ('request')) AS kinds (kind)
WHERE hour % 24 BETWEEN 7 AND 18;
