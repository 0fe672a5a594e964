import Foundation
import Postgres
import TestSupport
import Testing

@testable import PostgresServer

/// The backups of compose.yaml, with Debian's pgBackRest: the script of the image over a cluster that archives.
@Suite struct ContainerBackupTests {
    private static let hasTools = ["/usr/bin/pgbackrest", "/usr/bin/psql", "/usr/bin/setpriv"].allSatisfy {
        FileManager.default.isExecutableFile(atPath: $0)
    }

    /// One long script, since all of it runs as the server's user: `digitalbank` or whoever runs the tests.
    private static let play = """
        set -euo pipefail
        cd "$1"
        bin=$2
        script=$3
        schema=$4
        mkdir -p repo spool lock log sock
        cat >pgbackrest.conf <<CONF
        [global]
        repo1-path=$PWD/repo
        start-fast=y
        archive-async=y
        spool-path=$PWD/spool
        lock-path=$PWD/lock
        log-path=$PWD/log
        log-level-console=warn
        [bank]
        pg1-path=$PWD/data
        pg1-socket-path=$PWD/sock
        pg1-port=5432
        pg1-user=postgres
        CONF
        export PGBACKREST_CONFIG=$PWD/pgbackrest.conf PGHOST=$PWD/sock PGUSER=postgres PGPORT=5432
        "$bin/initdb" -D data -U postgres --auth=trust >/dev/null
        "$bin/pg_ctl" -D data -w -l log/server -o "-k $PWD/sock -c listen_addresses= -c fsync=off -c archive_mode=on \
        -c archive_timeout=60 -c archive_command='pgbackrest --stanza=bank archive-push %p'" start >/dev/null
        trap '"$bin/pg_ctl" -D data -m immediate stop >/dev/null' EXIT
        # No bank yet: nothing is done, and nothing fails.
        bash "$script" once
        psql -X -q -c 'create database digitalbank'
        psql -X -q -d digitalbank -f "$schema" >/dev/null 2>&1
        bash "$script" once >/dev/null
        bash "$script" once >/dev/null
        echo "sets: $(psql -X -A -t -d digitalbank -c "select string_agg(kind || ' ' || state, ',') from continuity.sets")"
        echo "figures: $(psql -X -A -t -d digitalbank -c "select count(*) from continuity.indicators
            where name = 'digitalbank_backup_newest_timestamp_seconds' and value > extract(epoch from now()) - 3600")"
        mv repo/backup repo/away
        bash "$script" once >/dev/null 2>&1 || echo "failed"
        bash "$script" once >/dev/null 2>&1 || echo "failed again"
        echo "alarms: $(psql -X -A -t -d digitalbank -c 'select count(*) from continuity.alarms where closed_at is null')"
        mv repo/away repo/backup
        bash "$script" once >/dev/null
        echo "alarms: $(psql -X -A -t -d digitalbank -c 'select count(*) from continuity.alarms where closed_at is null')"
        """

    @Test(
        "the stanza is made, a backup is made once, the bank is told, a failure is an alarm until it is over",
        .enabled(if: hasTools))
    func backup() async throws {
        let root = MonitoringStackTests.root
        let binaries = try #require(
            [15, 17, 16, 14].map { "/usr/lib/postgresql/\($0)/bin" }.first {
                FileManager.default.isExecutableFile(atPath: $0 + "/initdb")
            })
        try await withTemporaryDirectory { folder in
            // The repository may lie where the server's user may not look.
            for (from, to) in [
                ("deploy/docker/backup.sh", "backup.sh"),
                ("Sources/Continuity/Migrations/0001_continuity.sql", "schema.sql"),
            ] {
                try FileManager.default.copyItem(atPath: root + "/" + from, toPath: folder + "/" + to)
                try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: folder + "/" + to)
            }
            let work = folder + "/w"
            try FileManager.default.createDirectory(atPath: work, withIntermediateDirectories: true)
            var command = [
                "/bin/bash", "-c", Self.play, "play", work, binaries, folder + "/backup.sh", folder + "/schema.sql",
            ]
            if getuid() == 0 {
                try FileManager.default.setAttributes([.posixPermissions: 0o777], ofItemAtPath: work)
                try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: folder)
                command =
                    ["/usr/bin/setpriv", "--reuid=digitalbank", "--regid=digitalbank", "--clear-groups"] + command
            }
            let run = try await ToolRun.run(command[0], Array(command.dropFirst()), timeMax: .seconds(300))
            #expect(run.status == 0, "\(run.errorText)")
            for line in ["sets: full made", "figures: 1", "failed", "failed again", "alarms: 1", "alarms: 0"] {
                #expect(
                    run.outputText.split(separator: "\n").contains(Substring(line)),
                    "\(line): \(run.outputText)\(run.errorText)")
            }
        }
    }
}
