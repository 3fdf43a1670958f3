"""The tables of a project, as numbered migrations, and the journal that undo is made from.

Every change to a journalled table inside a gesture writes the statement that takes it back into
`journal` (the technique of sqlite.org/undoredo.html). Undo runs them backwards; in doing so the
same triggers write the statements for redo. So each verb can be undone without code of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlite_utils import Database


def inserted(db: Database, table: str, row: dict[str, Any]) -> int:
    """Adds a row; returns its number."""
    number = db.table(table).insert(row).last_pk
    assert number is not None
    return int(number)


APPLICATION_ID = 0x45535041  # "ESPA"
FIRST_JOURNALLED = ("project", "class", "image", "step", "skipped", "settled")
JOURNALLED = (*FIRST_JOURNALLED, "unsorted", "named")


def first_tables(db: Database) -> None:
    """Version 1: a project with classes, images, features, steps and the journal."""
    for statement in FIRST.split(";"):
        if statement.strip():
            db.execute(statement)
    for table in FIRST_JOURNALLED:
        journal_changes(db, table)


FIRST = """
CREATE TABLE project (
    id INTEGER PRIMARY KEY CHECK (id = 1), name TEXT NOT NULL, made TEXT NOT NULL,
    backbone TEXT NOT NULL, weights TEXT NOT NULL DEFAULT '', size INTEGER NOT NULL,
    learner TEXT NOT NULL, settings TEXT NOT NULL, step INTEGER REFERENCES step(id));
CREATE TABLE class (
    id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, made TEXT NOT NULL,
    set_aside INTEGER NOT NULL DEFAULT 0);
CREATE TABLE image (
    id INTEGER PRIMARY KEY AUTOINCREMENT, class_id INTEGER NOT NULL REFERENCES class(id),
    sha256 TEXT NOT NULL, path TEXT NOT NULL, copied INTEGER NOT NULL DEFAULT 0,
    width INTEGER NOT NULL, height INTEGER NOT NULL, bytes INTEGER NOT NULL, split TEXT NOT NULL,
    phash TEXT NOT NULL, note TEXT NOT NULL DEFAULT '', pack TEXT NOT NULL,
    thumb_at INTEGER NOT NULL, thumb_length INTEGER NOT NULL, UNIQUE (class_id, sha256));
CREATE INDEX image_by_sha256 ON image (sha256, class_id);
CREATE INDEX image_by_class ON image (class_id);
CREATE INDEX image_by_class_and_split ON image (class_id, split);
CREATE TABLE feature (
    key TEXT NOT NULL, sha256 TEXT NOT NULL, pack TEXT NOT NULL, place INTEGER NOT NULL,
    PRIMARY KEY (key, sha256)) WITHOUT ROWID;
CREATE TABLE step (
    id INTEGER PRIMARY KEY AUTOINCREMENT, parent INTEGER REFERENCES step(id), title TEXT NOT NULL,
    made TEXT NOT NULL, learner TEXT NOT NULL, settings TEXT NOT NULL, backbone TEXT NOT NULL,
    features_key TEXT NOT NULL, classes TEXT NOT NULL, new_classes TEXT NOT NULL,
    memory TEXT NOT NULL, scores TEXT NOT NULL, predictions TEXT NOT NULL, seconds TEXT NOT NULL,
    versions TEXT NOT NULL);
CREATE TABLE skipped (
    id INTEGER PRIMARY KEY AUTOINCREMENT, path TEXT NOT NULL, reason TEXT NOT NULL,
    made TEXT NOT NULL);
CREATE TABLE settled (
    id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, what TEXT NOT NULL,
    UNIQUE (kind, what));
CREATE TABLE gesture (
    id INTEGER PRIMARY KEY AUTOINCREMENT, title TEXT NOT NULL, made TEXT NOT NULL,
    undone INTEGER NOT NULL DEFAULT 0);
CREATE TABLE journal (
    id INTEGER PRIMARY KEY AUTOINCREMENT, gesture_id INTEGER NOT NULL, statement TEXT NOT NULL);
CREATE INDEX journal_by_gesture ON journal (gesture_id);
CREATE TABLE recording (id INTEGER PRIMARY KEY CHECK (id = 1), gesture_id INTEGER);
INSERT INTO recording VALUES (1, NULL)
"""


def measured_subnets(db: Database) -> None:
    """Version 2: what was measured of subnets (a cache, not journalled), and blobs kept for them.

    `key` names the supernet, the images and the learner. `kept` holds the weights of supernets of
    which the project uses a subnet.
    """
    db.execute(
        "CREATE TABLE candidate (key TEXT NOT NULL, architecture TEXT NOT NULL, "
        "facts TEXT NOT NULL, made TEXT NOT NULL, PRIMARY KEY (key, architecture)) WITHOUT ROWID"
    )
    db.execute("CREATE TABLE kept (blob TEXT PRIMARY KEY, why TEXT NOT NULL) WITHOUT ROWID")


def tuning_runs(db: Database) -> None:
    """Version 3: runs of tuning. They are kept as they are: undoing the use of one keeps it.

    `curve` is JSON of what was measured on the way, `result` of how it compares with what was in
    use; `weights` is the blob of the tuned network once there is one.
    """
    db.execute(
        "CREATE TABLE run (id INTEGER PRIMARY KEY AUTOINCREMENT, made TEXT NOT NULL, "
        "title TEXT NOT NULL, tuner TEXT NOT NULL, schedule TEXT NOT NULL, settings TEXT NOT NULL, "
        "state TEXT NOT NULL, backbone TEXT NOT NULL, curve TEXT NOT NULL DEFAULT '{}', "
        "result TEXT NOT NULL DEFAULT '{}', weights TEXT NOT NULL DEFAULT '', "
        "seconds REAL NOT NULL DEFAULT 0)"
    )


def licence_of_images(db: Database) -> None:
    """Version 4: under what terms the images are, in a person's words; empty where nothing is said.

    The journal's triggers name the columns that they found, so those of the table are made anew.
    """
    db.execute("ALTER TABLE project ADD COLUMN data_licence TEXT NOT NULL DEFAULT ''")
    journal_anew(db, "project")


def unfinished_gestures(db: Database) -> None:
    """Version 5: which gestures that are whole or not at all did not come to their end yet."""
    db.execute("ALTER TABLE gesture ADD COLUMN unfinished INTEGER NOT NULL DEFAULT 0")


def kinds_of_features(db: Database) -> None:
    """Version 6: which features the network gives; projects of before keep the pooled ones."""
    db.execute("ALTER TABLE project ADD COLUMN features TEXT NOT NULL DEFAULT 'pooled'")
    journal_anew(db, "project")


def images_without_a_class(db: Database) -> None:
    """Version 7: images that wait for a class, and how those that got one from there were named.

    `aside` are those that a person wants to see no more of; `drawn` those that are asked about at
    random, to judge by. `how` is "typed" or "accepted"; `suggested` is the number of the class that
    was suggested then, with the probability `share`; `act` is the gesture.
    """
    db.execute(
        "CREATE TABLE unsorted (id INTEGER PRIMARY KEY AUTOINCREMENT, sha256 TEXT NOT NULL UNIQUE, "
        "path TEXT NOT NULL, copied INTEGER NOT NULL, width INTEGER NOT NULL, "
        "height INTEGER NOT NULL, bytes INTEGER NOT NULL, phash TEXT NOT NULL, note TEXT NOT NULL, "
        "pack TEXT NOT NULL, thumb_at INTEGER NOT NULL, thumb_length INTEGER NOT NULL, "
        "aside INTEGER NOT NULL DEFAULT 0, drawn INTEGER NOT NULL DEFAULT 0)"
    )
    db.execute(
        "CREATE TABLE named (id INTEGER PRIMARY KEY AUTOINCREMENT, sha256 TEXT NOT NULL UNIQUE, "
        "class_id INTEGER NOT NULL, how TEXT NOT NULL, suggested INTEGER, share REAL, "
        "at_random INTEGER NOT NULL, act INTEGER NOT NULL, made TEXT NOT NULL)"
    )
    for table in ("unsorted", "named"):
        journal_changes(db, table)


def when_and_where(db: Database) -> None:
    """Version 8: when, with what and where images were taken, as their files say, and beside which.

    `burst` is a name, the hash of one of the images that were taken together; empty for one alone,
    and for those that were there before.
    """
    for table in ("image", "unsorted"):
        for column in (
            "taken TEXT NOT NULL DEFAULT ''",
            "camera TEXT NOT NULL DEFAULT ''",
            "latitude REAL",
            "longitude REAL",
            "burst TEXT NOT NULL DEFAULT ''",
        ):
            db.execute(f"ALTER TABLE {table} ADD COLUMN {column}")
        journal_anew(db, table)
    db.execute("CREATE INDEX image_by_burst ON image (burst) WHERE burst <> ''")


def gap_of_bursts(db: Database) -> None:
    """Version 9: seconds between two images after which the second one is of another burst."""
    db.execute("ALTER TABLE project ADD COLUMN burst_gap REAL NOT NULL DEFAULT 60")
    journal_anew(db, "project")


def where_images_lie(db: Database) -> None:
    """Version 10: the map of each network that was used, a blob (maps.py); not journalled, for what
    a person does moves no image on it."""
    db.execute(
        "CREATE TABLE map (key TEXT PRIMARY KEY, blob TEXT NOT NULL, made TEXT NOT NULL) "
        "WITHOUT ROWID"
    )


def promised_rate(db: Database) -> None:
    """Version 11: what share of the answers may be wrong; 0: nothing is promised."""
    db.execute("ALTER TABLE project ADD COLUMN promise REAL NOT NULL DEFAULT 0")
    journal_anew(db, "project")


def groups_of_classes(db: Database) -> None:
    """Version 12: the group that a class is within, and those around it: "moths/hawk-moths"."""
    db.execute("ALTER TABLE class ADD COLUMN within TEXT NOT NULL DEFAULT ''")
    journal_anew(db, "class")


def cap_of_features(db: Database) -> None:
    """Version 13: how many bytes of features are kept at most, 0 for all (learning/capped.py)."""
    db.execute("ALTER TABLE project ADD COLUMN feature_cap INTEGER NOT NULL DEFAULT 0")
    journal_anew(db, "project")


def rows_of_studies(db: Database) -> None:
    """Version 14: what a study measured of each strategy (study.py); not journalled, for nothing of
    the project changes by it."""
    db.execute(
        "CREATE TABLE study (key TEXT PRIMARY KEY, facts TEXT NOT NULL, made TEXT NOT NULL) "
        "WITHOUT ROWID"
    )


def recent_images(db: Database) -> None:
    """Version 15: which images are learnt where others are too old; empty: all (recent.py)."""
    db.execute("ALTER TABLE project ADD COLUMN recent TEXT NOT NULL DEFAULT ''")
    journal_anew(db, "project")


def counts_of_images(db: Database) -> None:
    """Version 16: what is asked of the images after each act, without reading all of them.

    `tally` counts those of each class and side, with the sums that tell whether they changed;
    `shared` are the hashes that lie in several classes; `listed` goes up with each change of what
    lists of images show. Triggers keep all three, so nothing is written of them in the journal.
    """
    for statement in COUNTS.split(";\n\n"):
        db.execute(statement)


COUNTED = (
    "SELECT class_id, split, COUNT(*), SUM(id), SUM(id * id % 1000003) FROM image "
    "GROUP BY class_id, split"
)
"""What `tally` holds, made from the images themselves."""
IN_SEVERAL = "SELECT sha256 FROM image GROUP BY sha256 HAVING COUNT(DISTINCT class_id) > 1"
"""What `shared` holds, made from the images themselves."""
GAINS = """INSERT INTO tally VALUES (new.class_id, new.split, 1, new.id, new.id * new.id % 1000003)
    ON CONFLICT (class_id, split) DO UPDATE SET images = images + 1, ids = ids + excluded.ids,
    squares = squares + excluded.squares;
  INSERT INTO shared SELECT new.sha256 WHERE EXISTS
    (SELECT 1 FROM image WHERE sha256 = new.sha256 AND class_id <> new.class_id)
    ON CONFLICT DO NOTHING;"""
LOSES = """UPDATE tally SET images = images - 1, ids = ids - old.id,
    squares = squares - old.id * old.id % 1000003
    WHERE class_id = old.class_id AND split = old.split;
  DELETE FROM tally WHERE class_id = old.class_id AND split = old.split AND images = 0;
  DELETE FROM shared WHERE sha256 = old.sha256 AND
    (SELECT COUNT(DISTINCT class_id) FROM image WHERE sha256 = old.sha256) < 2;"""
LISTED = "UPDATE listed SET changes = changes + 1;"
COUNTS = f"""CREATE TABLE tally (
    class_id INTEGER NOT NULL, split TEXT NOT NULL, images INTEGER NOT NULL, ids INTEGER NOT NULL,
    squares INTEGER NOT NULL, PRIMARY KEY (class_id, split)) WITHOUT ROWID;

CREATE TABLE shared (sha256 TEXT PRIMARY KEY) WITHOUT ROWID;

CREATE TABLE listed (id INTEGER PRIMARY KEY CHECK (id = 1), changes INTEGER NOT NULL);

INSERT INTO listed VALUES (1, 0);

INSERT INTO tally {COUNTED};

INSERT INTO shared {IN_SEVERAL};

CREATE TRIGGER image_comes AFTER INSERT ON image BEGIN
  {GAINS}
  {LISTED} END;

CREATE TRIGGER image_goes AFTER DELETE ON image BEGIN
  {LOSES}
  {LISTED} END;

CREATE TRIGGER image_moves AFTER UPDATE OF class_id, split, sha256 ON image BEGIN
  {LOSES}
  {GAINS} END;

CREATE TRIGGER image_changes AFTER UPDATE ON image BEGIN {LISTED} END;

CREATE TRIGGER class_renamed AFTER UPDATE OF name ON class BEGIN {LISTED} END"""


MIGRATIONS: tuple[Callable[[Database], None], ...] = (
    first_tables,
    measured_subnets,
    tuning_runs,
    licence_of_images,
    unfinished_gestures,
    kinds_of_features,
    images_without_a_class,
    when_and_where,
    gap_of_bursts,
    where_images_lie,
    promised_rate,
    groups_of_classes,
    cap_of_features,
    rows_of_studies,
    recent_images,
    counts_of_images,
)


COUNTS_SINCE = 16
"""The version from which on `tally` and `shared` are there."""


def journal_anew(db: Database, table: str) -> None:
    """Makes the triggers of a table whose columns changed."""
    for when in ("insert", "update", "delete"):
        db.execute(f"DROP TRIGGER {table}_{when}")
    journal_changes(db, table)


def journal_changes(db: Database, table: str) -> None:
    """Makes the three triggers that write, for each change of `table`, what takes it back."""
    columns = [column.name for column in db[table].columns]
    sets = "||','||".join(f"'{name}='||quote(old.{name})" for name in columns)
    values = "||','||".join(f"quote(old.{name})" for name in columns)
    takes_back = {
        "AFTER INSERT": f"'DELETE FROM {table} WHERE id='||new.id",
        "AFTER UPDATE": f"'UPDATE {table} SET '||{sets}||' WHERE id='||old.id",
        "BEFORE DELETE": f"'INSERT INTO {table} ({','.join(columns)}) VALUES ('||{values}||')'",
    }
    for when, statement in takes_back.items():
        db.execute(
            f"CREATE TRIGGER {table}_{when.split()[1].lower()} {when} ON {table} "
            "WHEN (SELECT gesture_id FROM recording) IS NOT NULL BEGIN "
            "INSERT INTO journal (gesture_id, statement) "
            f"VALUES ((SELECT gesture_id FROM recording), {statement}); END"
        )
