-- The questions. DuckDB, Athena and Spark read this very text and give the same answer; lambdas/history/questions.py
-- reads it, and docs/history.md lists it. docs/reports.md defines the words; where this page says more, it says so here.
--
--   exams_now, steps_now   the newest version of each exam and step; NAME_at as seconds since 1970 is NAME_s
--   :first_day, :last_day  the days asked about, both included
--
-- Only what the three have in common: no function for differences of times (hence NAME_s), CAST(FLOOR(a / b)) for whole
-- numbers, a percentile by counting rows (nearest rank). Rows are counted before anything is sorted: of three million
-- exams a question then sorts some thousand counts.


-- name: no_shows
-- asks: Who does not come, or cancels late? By study, weekday (1 is Monday) and how long before the exam was booked.
-- note: A booking is due if it was not cancelled. Late is less than 24 hours before the planned begin.
WITH bookings AS (
    SELECT
        study,
        CAST(planned_local AS DATE) AS planned_day,
        CASE
            WHEN planned_s - first_seen_s < 86400 THEN '0: less than a day'
            WHEN planned_s - first_seen_s < 7 * 86400 THEN '1: less than a week'
            WHEN planned_s - first_seen_s < 28 * 86400 THEN '2: less than 4 weeks'
            ELSE '3: longer'
        END AS booked_ahead,
        CASE WHEN status = 'NO_SHOW' AND NOT removed THEN 1 ELSE 0 END AS no_show,
        CASE WHEN status = 'CANCELLED' OR removed AND status IN ('SCHEDULED', 'ARRIVED', 'READY') THEN 1 ELSE 0 END
            AS cancelled,
        planned_s - status_since_s AS notice_s
    FROM exams_now
    WHERE CAST(planned_local AS DATE) BETWEEN :first_day AND :last_day
)
SELECT
    study,
    weekday,
    booked_ahead,
    COUNT(*) AS bookings,
    SUM(1 - cancelled) AS due,
    SUM(no_show) AS no_shows,
    SUM(cancelled) AS cancelled,
    SUM(CASE WHEN cancelled = 1 AND notice_s < 86400 THEN 1 ELSE 0 END) AS cancelled_late
FROM bookings
JOIN calendar ON day = planned_day
GROUP BY study, weekday, booked_ahead
ORDER BY study, weekday, booked_ahead;


-- name: delays
-- asks: How late do exams begin, and how long do they overrun? By study and protocol.
-- note: Of exams that began on their day. Minutes are rounded down. An overrun is more than 5 minutes.
WITH begun AS (
    SELECT
        study,
        protocol,
        CAST(FLOOR(CAST(started_s - planned_s AS DOUBLE) / 60) AS BIGINT) AS delay,
        CASE
            WHEN ended_s >= started_s AND ended_s - started_s <= 43200 AND planned_minutes > 0
            THEN ended_s - planned_s - 60 * planned_minutes
        END AS over_s
    FROM exams_now
    WHERE CAST(planned_local AS DATE) BETWEEN :first_day AND :last_day
        AND CAST(started_local AS DATE) = CAST(planned_local AS DATE)
),
counted AS (
    SELECT
        study,
        protocol,
        delay,
        COUNT(*) AS exams,
        COUNT(over_s) AS ended,
        SUM(CASE WHEN over_s > 300 THEN 1 ELSE 0 END) AS overrun,
        SUM(CASE WHEN over_s > 300 THEN over_s ELSE 0 END) AS overrun_s
    FROM begun
    GROUP BY study, protocol, delay
),
ranked AS (
    SELECT
        study,
        protocol,
        delay,
        exams,
        ended,
        overrun,
        overrun_s,
        SUM(exams) OVER (PARTITION BY study, protocol ORDER BY delay) AS up_to_here,
        SUM(exams) OVER (PARTITION BY study, protocol) AS of_all
    FROM counted
)
SELECT
    study,
    protocol,
    SUM(exams) AS begun,
    MIN(CASE WHEN 100 * up_to_here >= 50 * of_all THEN delay END) AS delay_minutes_p50,
    MIN(CASE WHEN 100 * up_to_here >= 95 * of_all THEN delay END) AS delay_minutes_p95,
    SUM(ended) AS ended,
    SUM(overrun) AS overrun,
    CAST(FLOOR(CAST(SUM(overrun_s) AS DOUBLE) / 60) AS BIGINT) AS overrun_minutes
FROM ranked
GROUP BY study, protocol
ORDER BY study, protocol;


-- name: scanner_hours
-- asks: How many hours is each scanner booked, and how many does it scan? By site, scanner and month.
-- note: Booked: all bookings with a planned end but those cancelled 24 hours before or earlier. Used: two scans at the same
-- note: time on one scanner count once; a scan belongs to the month in which it began.
WITH booked AS (
    SELECT
        site,
        scanner,
        EXTRACT(YEAR FROM planned_local) AS in_year,
        EXTRACT(MONTH FROM planned_local) AS in_month,
        CASE
            WHEN (status = 'CANCELLED' OR removed AND status IN ('SCHEDULED', 'ARRIVED', 'READY'))
                AND planned_s - status_since_s >= 86400
            THEN 0
            ELSE planned_minutes
        END AS minutes
    FROM exams_now
    WHERE CAST(planned_local AS DATE) BETWEEN :first_day AND :last_day
),
scans AS (
    SELECT
        site,
        scanner,
        EXTRACT(YEAR FROM started_local) AS in_year,
        EXTRACT(MONTH FROM started_local) AS in_month,
        started_s,
        ended_s,
        started_s - started_s % 86400 AS day_s
    FROM steps_now
    WHERE CAST(started_local AS DATE) BETWEEN :first_day AND :last_day
        AND ended_s >= started_s AND ended_s - started_s <= 43200
),
-- A scan has 12 hours at most. So until when its scanner was busy, scans of its own day (UTC) tell, or of the night before.
nights AS (
    SELECT site, scanner, day_s + 86400 AS next_day_s, MAX(ended_s) AS night_to_s
    FROM scans
    WHERE ended_s > day_s + 86400
    GROUP BY site, scanner, day_s
),
placed AS (
    SELECT
        site,
        scanner,
        in_year,
        in_month,
        started_s,
        ended_s,
        day_s,
        MAX(ended_s) OVER (
            PARTITION BY site, scanner, day_s
            ORDER BY started_s, ended_s ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS busy_to_s
    FROM scans
),
parts AS (
    SELECT site, scanner, in_year, in_month, minutes AS booked_minutes, 0 AS used_s FROM booked
    UNION ALL
    SELECT
        placed.site,
        placed.scanner,
        in_year,
        in_month,
        0,
        GREATEST(ended_s - GREATEST(started_s, COALESCE(busy_to_s, started_s), COALESCE(night_to_s, started_s)), 0)
    FROM placed
    LEFT JOIN nights
        ON nights.site = placed.site AND nights.scanner = placed.scanner AND nights.next_day_s = placed.day_s
)
SELECT
    site,
    scanner,
    CAST(in_year AS BIGINT) AS in_year,
    CAST(in_month AS BIGINT) AS in_month,
    SUM(COALESCE(booked_minutes, 0)) AS booked_minutes,
    CAST(FLOOR(CAST(SUM(used_s) AS DOUBLE) / 60) AS BIGINT) AS used_minutes
FROM parts
GROUP BY site, scanner, in_year, in_month
ORDER BY site, scanner, in_year, in_month;


-- name: elsewhere
-- asks: Which exams were done on another scanner than planned? By site and both scanners.
-- note: Told by the AE title alone, while docs/reports.md also knows a scanner by its station name.
SELECT
    site,
    scanner AS planned_scanner,
    actual_scanner,
    COUNT(*) AS exams
FROM exams_now
WHERE CAST(planned_local AS DATE) BETWEEN :first_day AND :last_day
    AND steps > 0 AND actual_scanner <> '' AND actual_scanner <> scanner
GROUP BY site, scanner, actual_scanner
ORDER BY site, planned_scanner, actual_scanner;


-- name: without_booking
-- asks: Which scans have no booking? By site, scanner and month.
SELECT
    site,
    scanner,
    CAST(EXTRACT(YEAR FROM started_local) AS BIGINT) AS in_year,
    CAST(EXTRACT(MONTH FROM started_local) AS BIGINT) AS in_month,
    COUNT(*) AS scans
FROM steps_now
WHERE exams = 0 AND CAST(started_local AS DATE) BETWEEN :first_day AND :last_day
GROUP BY site, scanner, EXTRACT(YEAR FROM started_local), EXTRACT(MONTH FROM started_local)
ORDER BY site, scanner, in_year, in_month;


-- name: saved_to_visible
-- asks: How long from saving in REDCap until an exam is on the list? By site and study, in seconds.
-- note: Of plans of which it is known when they were saved. On the list means: in the cloud's worklist.
WITH waits AS (
    SELECT
        site,
        study,
        CASE WHEN listed_s > saved_s THEN listed_s - saved_s ELSE 0 END AS waited
    FROM exams_now
    WHERE CAST(planned_local AS DATE) BETWEEN :first_day AND :last_day AND saved_s IS NOT NULL AND listed_s IS NOT NULL
),
counted AS (
    SELECT site, study, waited, COUNT(*) AS plans FROM waits GROUP BY site, study, waited
),
ranked AS (
    SELECT
        site,
        study,
        waited,
        plans,
        SUM(plans) OVER (PARTITION BY site, study ORDER BY waited) AS up_to_here,
        SUM(plans) OVER (PARTITION BY site, study) AS of_all
    FROM counted
)
SELECT
    site,
    study,
    SUM(plans) AS plans,
    MIN(CASE WHEN 100 * up_to_here >= 50 * of_all THEN waited END) AS seconds_p50,
    MIN(CASE WHEN 100 * up_to_here >= 95 * of_all THEN waited END) AS seconds_p95
FROM ranked
GROUP BY site, study
ORDER BY site, study;


-- name: missing
-- asks: Which participants were not on the list when their time came, although REDCap had them? By site, study and day.
-- note: This must give no line at all.
SELECT
    site,
    study,
    CAST(planned_local AS DATE) AS planned_day,
    COUNT(*) AS missing
FROM exams_now
WHERE CAST(planned_local AS DATE) BETWEEN :first_day AND :last_day
    AND NOT (status = 'CANCELLED' OR removed)
    AND listed_s > planned_s
    AND (row_seen_s <= planned_s OR saved_s <= planned_s)
GROUP BY site, study, CAST(planned_local AS DATE)
ORDER BY site, study, planned_day;


-- name: discontinued
-- asks: Why were scans discontinued? By study, protocol and reason (code value of DICOM CID 9300).
SELECT
    study,
    protocol,
    discontinuation_reason AS reason,
    COUNT(*) AS exams
FROM exams_now
WHERE status = 'DISCONTINUED' AND CAST(planned_local AS DATE) BETWEEN :first_day AND :last_day
GROUP BY study, protocol, discontinuation_reason
ORDER BY study, protocol, reason;


-- name: silent_relays
-- asks: Which relays were silent for more than 5 minutes? By site and relay.
-- note: Days are UTC. A silence belongs to the day on which it ended; one that lasts is not in it yet.
SELECT
    site,
    relay,
    COUNT(*) AS silences,
    CAST(FLOOR(CAST(SUM(silent_seconds) AS DOUBLE) / 60) AS BIGINT) AS minutes,
    CAST(FLOOR(CAST(MAX(silent_seconds) AS DOUBLE) / 60) AS BIGINT) AS longest_minutes
FROM relay_minutes
WHERE silent_seconds > 300 AND day BETWEEN :first_day AND :last_day
GROUP BY site, relay
ORDER BY site, relay;


-- name: redcap_told
-- asks: Was REDCap told of each scan within a minute? By study.
-- note: Of scans with a booking that have ended. From the scanner's last message until REDCap had confirmed it.
WITH ended AS (
    SELECT study, told_s - reported_s AS took
    FROM steps_now
    WHERE exams > 0 AND status <> 'IN_PROGRESS' AND CAST(started_local AS DATE) BETWEEN :first_day AND :last_day
)
SELECT
    study,
    COUNT(*) AS scans,
    COUNT(took) AS told,
    SUM(CASE WHEN took <= 60 THEN 1 ELSE 0 END) AS within_a_minute,
    MAX(took) AS longest_seconds
FROM ended
GROUP BY study
ORDER BY study;


-- name: reschedules
-- asks: How often are exams moved to another time? By study.
SELECT
    study,
    COUNT(*) AS bookings,
    SUM(CASE WHEN reschedules > 0 THEN 1 ELSE 0 END) AS moved,
    SUM(reschedules) AS moves
FROM exams_now
WHERE CAST(planned_local AS DATE) BETWEEN :first_day AND :last_day
GROUP BY study
ORDER BY study;


-- name: edits
-- asks: Which fields does who change after an exam is on the list? By study, field and owner.
SELECT
    study,
    field,
    owner,
    COUNT(*) AS changes
FROM changes
WHERE version > 1 AND day BETWEEN :first_day AND :last_day
GROUP BY study, field, owner
ORDER BY study, field, owner;
