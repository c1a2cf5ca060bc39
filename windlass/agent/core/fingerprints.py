"""What a database holds, in figures that are the same wherever the same rows are: counts and hashes of tables, and its sore points.

A hash adds up what each row gives by itself, so the order of rows does not matter. Rows are hashed as text, under settings that do
not depend on where the server is. md5 is there to tell rows apart, no more; it is the same in all versions, unlike PostgreSQL's own
hash functions.
"""

from __future__ import annotations

import json
from typing import Any, Dict, Iterable, List, Tuple

# What the text of a row depends on.
STEADY = """
SET timezone = 'UTC'; SET datestyle = 'ISO, YMD'; SET intervalstyle = 'postgres'; SET extra_float_digits = 3;
SET bytea_output = 'hex'; SET lc_monetary = 'C'; SET xmloption = 'content'; SET search_path = pg_catalog;
"""

# Every table whose rows are in a dump: not those of extensions, and each part of a partitioned one by itself.
_TABLES = r"""
SELECT format('SELECT json_build_array(%%L::text, count(*), %%s) FROM ONLY %%I.%%I windlass_row;', name,
    CASE WHEN %s THEN 'sum((''x'' || substr(md5(windlass_row::text), 1, 15))::bit(60)::bigint)::text' ELSE 'null' END,
    nspname, relname)
FROM (SELECT c.oid, n.nspname, c.relname, format('%%I.%%I', n.nspname, c.relname) AS name
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\_%%'
        AND NOT EXISTS (SELECT FROM pg_depend d
                        WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')) each
ORDER BY nspname, relname
\gexec
"""

# Sequences that a column takes its numbers from, and that have not come as far as the column: the next row fails.
SEQUENCES = r"""
SELECT format('SELECT to_json(%L::text) FROM (SELECT max(%I) AS highest FROM %s) t, %s s WHERE highest > s.last_value;',
              format('%s is at %s', d.objid::regclass, d.refobjid::regclass || '.' || a.attname), a.attname,
              d.refobjid::regclass, d.objid::regclass)
FROM pg_depend d JOIN pg_class c ON c.oid = d.objid AND c.relkind = 'S'
  JOIN pg_sequence q ON q.seqrelid = d.objid AND q.seqincrement > 0
  JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid AND a.atttypid IN (20, 21, 23)
WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')
ORDER BY 1
\gexec
"""

# Indexes that are there and that PostgreSQL does not use: CREATE INDEX CONCURRENTLY broke off. A dump leaves them out.
INVALID = """
SELECT to_json(i.indexrelid::regclass::text) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
WHERE c.relkind = 'i' AND NOT (i.indisvalid AND i.indisready) ORDER BY i.indexrelid::regclass::text;
"""


def tables_up_to(size: int) -> str:
    """Statements that count all tables, and hash those that are at most so many bytes on the disk."""
    return STEADY + _TABLES % ("pg_table_size(oid) <= %d" % size if size else "false")


def tables_hashed(names: Iterable[str]) -> str:
    """Statements that count all tables, and hash these."""
    wanted = json.dumps(sorted(names)).replace("'", "''")
    return STEADY + _TABLES % ("name IN (SELECT json_array_elements_text('%s'))" % wanted)


def told(rows: List[Any]) -> Tuple[Dict[str, int], Dict[str, str]]:
    """Rows by table, and the hash of those that were hashed; a table without rows has `0`."""
    counts = {name: count for name, count, _hash in rows}
    hashes = {name: found or "0" for name, count, found in rows if found is not None or not count}
    return counts, hashes
