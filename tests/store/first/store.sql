BEGIN TRANSACTION;
CREATE TABLE events (
	rollout TEXT NOT NULL, 
	number INTEGER NOT NULL, 
	at TEXT NOT NULL, 
	what TEXT NOT NULL, 
	task TEXT, 
	component TEXT, 
	host TEXT, 
	data TEXT NOT NULL, 
	PRIMARY KEY (rollout, number)
);
INSERT INTO "events" VALUES('20260101-120000-a1b2',1,'2026-01-02T12:00:00Z','started',NULL,NULL,NULL,'{"rollout": "20260101-120000-a1b2", "environment": "live", "host": null, "hosts": ["web1", "web2"], "tasks": 2, "who": "ann@here"}');
INSERT INTO "events" VALUES('20260101-120000-a1b2',2,'2026-01-02T12:00:00Z','task started','app',NULL,'web1','{}');
INSERT INTO "events" VALUES('20260101-120000-a1b2',3,'2026-01-02T12:00:00Z','changed','app','app/File','web1','{"changes": [], "seconds": 0.1, "reason": "it is not there"}');
INSERT INTO "events" VALUES('20260101-120000-a1b2',4,'2026-01-02T12:00:00Z','task started','app',NULL,'web2','{}');
INSERT INTO "events" VALUES('20260101-120000-a1b2',5,'2026-01-02T12:00:00Z','changed','app','app/File','web2','{"changes": [], "seconds": 0.1, "reason": "it is not there"}');
INSERT INTO "events" VALUES('20260101-120000-a1b2',6,'2026-01-02T12:00:00Z','task done','app',NULL,'web1','{"changed": 1, "seconds": 0.1}');
INSERT INTO "events" VALUES('20260101-120000-a1b2',7,'2026-01-02T12:00:00Z','task failed','app','app/File','web2','{"error": {"class": "DeplError", "message": "no room", "component": "app/File", "file": null, "line": null, "hint": ""}}');
INSERT INTO "events" VALUES('20260101-120000-a1b2',8,'2026-01-02T12:00:00Z','signalled',NULL,NULL,NULL,'{"number": 1, "name": "abort", "who": "bob", "reason": "enough"}');
INSERT INTO "events" VALUES('20260101-120000-a1b2',9,'2026-01-02T12:00:00Z','reversing',NULL,NULL,NULL,'{"reason": "no room"}');
INSERT INTO "events" VALUES('20260101-120000-a1b2',10,'2026-01-02T12:00:00Z','task reversing','app',NULL,'web1','{}');
INSERT INTO "events" VALUES('20260101-120000-a1b2',11,'2026-01-02T12:00:00Z','task reversed','app',NULL,'web1','{}');
INSERT INTO "events" VALUES('20260101-120000-a1b2',12,'2026-01-02T12:00:00Z','over',NULL,NULL,NULL,'{"outcome": "reversed", "changed": 2, "seconds": 3.5, "kept": [], "conflicts": []}');
INSERT INTO "events" VALUES('20260102-120000-a1b2',1,'2026-01-02T12:00:00Z','planned',NULL,NULL,NULL,'{"schema": 1, "rollout": "20260102-120000-a1b2", "name": "release", "parameters": {"version": "1.2"}, "who": "ann@here", "made": "2026-01-02T12:00:00Z", "revision": "abc", "digests": {"live": "d1"}, "title": "Canary first", "valid": 300.0, "on_failure": "rollback", "on_interrupt": "reverse", "monitors": [], "interval": 10.0, "jobs": 50, "info": [], "undoes": "", "carried": {}, "tree": {"root": "0", "leaves": [{"id": "1", "task": "depl.tasks:Deploy", "arguments": {"environment": "live"}, "title": "Deploy live", "way_back": "unknown", "reason": "", "reverses": true, "gate": "", "retries": 0, "timeout": null, "environments": ["live"], "repeatable": false}, {"id": "2", "task": "depl.tasks:Approval", "arguments": {"question": "Well?"}, "title": "Well?", "way_back": "none", "reason": "", "reverses": true, "gate": "approval", "retries": 0, "timeout": 60.0, "environments": [], "repeatable": false}], "groups": [{"id": "0", "members": ["1", "2"], "parallel": false, "limit": 0, "max_failures": 0, "title": ""}]}}');
INSERT INTO "events" VALUES('20260102-120000-a1b2',2,'2026-01-02T12:00:00Z','queued',NULL,NULL,NULL,'{}');
INSERT INTO "events" VALUES('20260102-120000-a1b2',3,'2026-01-02T12:00:00Z','started',NULL,NULL,NULL,'{"who": "worker@here:7"}');
INSERT INTO "events" VALUES('20260102-120000-a1b2',4,'2026-01-02T12:00:00Z','task started','1',NULL,NULL,'{}');
INSERT INTO "events" VALUES('20260102-120000-a1b2',5,'2026-01-02T12:00:00Z','task saved','1',NULL,NULL,'{"state": {"child": "20260102-120001-c3d4"}}');
INSERT INTO "events" VALUES('20260102-120000-a1b2',6,'2026-01-02T12:00:00Z','task started','1/app',NULL,'web1','{}');
INSERT INTO "events" VALUES('20260102-120000-a1b2',7,'2026-01-02T12:00:00Z','task done','1/app',NULL,'web1','{"changed": 1}');
INSERT INTO "events" VALUES('20260102-120000-a1b2',8,'2026-01-02T12:00:00Z','task done','1',NULL,NULL,'{"seconds": 1.0}');
INSERT INTO "events" VALUES('20260102-120000-a1b2',9,'2026-01-02T12:00:00Z','task started','2',NULL,NULL,'{}');
INSERT INTO "events" VALUES('20260103-120000-a1b2',1,'2026-01-02T12:00:00Z','planned',NULL,NULL,NULL,'{"schema": 1, "rollout": "20260103-120000-a1b2", "name": "release", "parameters": {"version": "1.2"}, "who": "ann@here", "made": "2026-01-02T12:00:00Z", "revision": "abc", "digests": {"live": "d1"}, "title": "Canary first", "valid": 300.0, "on_failure": "rollback", "on_interrupt": "reverse", "monitors": [], "interval": 10.0, "jobs": 50, "info": [], "undoes": "", "carried": {}, "tree": {"root": "0", "leaves": [{"id": "1", "task": "depl.tasks:Deploy", "arguments": {"environment": "live"}, "title": "Deploy live", "way_back": "unknown", "reason": "", "reverses": true, "gate": "", "retries": 0, "timeout": null, "environments": ["live"], "repeatable": false}, {"id": "2", "task": "depl.tasks:Approval", "arguments": {"question": "Well?"}, "title": "Well?", "way_back": "none", "reason": "", "reverses": true, "gate": "approval", "retries": 0, "timeout": 60.0, "environments": [], "repeatable": false}], "groups": [{"id": "0", "members": ["1", "2"], "parallel": false, "limit": 0, "max_failures": 0, "title": ""}]}}');
CREATE TABLE holds (
	environment TEXT NOT NULL, 
	who TEXT NOT NULL, 
	since TEXT NOT NULL, 
	reason TEXT NOT NULL, 
	until TEXT NOT NULL, 
	PRIMARY KEY (environment)
);
INSERT INTO "holds" VALUES('test','bob','2026-01-02T12:02:00Z','audit','');
CREATE TABLE locks (
	environment TEXT NOT NULL, 
	rollout TEXT NOT NULL, 
	who TEXT NOT NULL, 
	since TEXT NOT NULL, 
	PRIMARY KEY (environment)
);
INSERT INTO "locks" VALUES('live','20260102-120000-a1b2','ann@here','2026-01-02T12:00:00Z');
CREATE TABLE output (
	rollout TEXT NOT NULL, 
	task TEXT NOT NULL, 
	"offset" BIGINT NOT NULL, 
	stream TEXT NOT NULL, 
	text TEXT NOT NULL, 
	at TEXT NOT NULL, 
	host TEXT NOT NULL, 
	PRIMARY KEY (rollout, task, "offset")
);
INSERT INTO "output" VALUES('20260101-120000-a1b2','app',0,'stdout','hello from web1
','2026-01-02T12:00:00Z','web1');
INSERT INTO "output" VALUES('20260101-120000-a1b2','app',16,'stdout','hello from web2
','2026-01-02T12:00:00Z','web2');
INSERT INTO "output" VALUES('20260102-120000-a1b2','1',0,'stdout','hello
','2026-01-02T12:00:00Z','');
INSERT INTO "output" VALUES('20260102-120000-a1b2','1',6,'stderr','wörld
','2026-01-02T12:00:00Z','');
CREATE TABLE parts (
	environment TEXT NOT NULL, 
	rollout TEXT NOT NULL, 
	PRIMARY KEY (environment, rollout)
);
INSERT INTO "parts" VALUES('live','20260101-120000-a1b2');
INSERT INTO "parts" VALUES('live','20260102-120000-a1b2');
INSERT INTO "parts" VALUES('live','20260103-120000-a1b2');
CREATE TABLE rollouts (
	id TEXT NOT NULL, 
	name TEXT NOT NULL, 
	title TEXT NOT NULL, 
	environment TEXT NOT NULL, 
	environments TEXT NOT NULL, 
	who TEXT NOT NULL, 
	made TEXT NOT NULL, 
	started TEXT NOT NULL, 
	ended TEXT NOT NULL, 
	state TEXT NOT NULL, 
	holds TEXT NOT NULL, 
	block TEXT NOT NULL, 
	reason TEXT NOT NULL, 
	outcome TEXT NOT NULL, 
	undoes TEXT NOT NULL, 
	data TEXT NOT NULL, 
	number BIGINT NOT NULL, 
	last_signal BIGINT NOT NULL, 
	queue TEXT, 
	owner TEXT NOT NULL, 
	epoch BIGINT NOT NULL, 
	heartbeat FLOAT NOT NULL, 
	wake FLOAT, 
	taken_from TEXT NOT NULL, 
	taken BIGINT NOT NULL, 
	taken_output BIGINT NOT NULL, 
	taken_signals BIGINT NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "rollouts" VALUES('20260101-120000-a1b2','','','live','["live"]','ann@here','2026-01-02T12:00:00Z','2026-01-02T12:00:00Z','2026-01-02T12:00:00Z','reversed','[]','','no room','reversed','','{"hosts": ["web1", "web2"], "changed": 2, "seconds": 3.5, "error": {"class": "DeplError", "message": "no room", "component": "app/File", "file": null, "line": null, "hint": ""}}',12,1,NULL,'',0,0.0,NULL,'/srv/project/.depl/rollouts/20260101-120000-a1b2.jsonl',2130,222,106);
INSERT INTO "rollouts" VALUES('20260102-120000-a1b2','release','Canary first','live','["live"]','worker@here:7','2026-01-02T12:00:00Z','2026-01-02T12:00:00Z','','running','["waiting for approval"]','','','','','{"hosts": [], "changed": 0, "seconds": 0.0, "error": null}',9,0,'east','',1,1.79534492609948420531e+09,NULL,'',0,0,0);
INSERT INTO "rollouts" VALUES('20260103-120000-a1b2','release','Canary first','live','["live"]','ann@here','2026-01-02T12:00:00Z','','','planned','[]','','','','','{"hosts": [], "changed": 0, "seconds": 0.0, "error": null}',1,0,NULL,'',0,0.0,NULL,'',0,0,0);
CREATE TABLE schema (
	number INTEGER NOT NULL
);
INSERT INTO "schema" VALUES(1);
CREATE TABLE signals (
	rollout TEXT NOT NULL, 
	number INTEGER NOT NULL, 
	name TEXT NOT NULL, 
	who TEXT NOT NULL, 
	at TEXT NOT NULL, 
	reason TEXT NOT NULL, 
	task TEXT NOT NULL, 
	data TEXT NOT NULL, 
	PRIMARY KEY (rollout, number)
);
INSERT INTO "signals" VALUES('20260101-120000-a1b2',1,'abort','bob','2026-01-01T12:00:03Z','enough','','{}');
INSERT INTO "signals" VALUES('20260102-120000-a1b2',1,'approve','bob','2026-01-02T12:01:00Z','yes','2','{}');
CREATE INDEX rollouts_made ON rollouts (made, id);
CREATE INDEX rollouts_state ON rollouts (state);
CREATE INDEX rollouts_environment ON rollouts (environment);
CREATE INDEX parts_rollout ON parts (rollout);
COMMIT;
