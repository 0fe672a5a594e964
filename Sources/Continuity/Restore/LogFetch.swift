/// The script that PostgreSQL runs for each segment of log that it replays.
///
/// `archive-get` of pgBackRest 2.45 hands out what it could decrypt without looking at its digest (seen: a flipped byte in the
/// archive ended a replay early, and silently). The digest is in the file's name, so each segment is held against it; the
/// other repository and the received log come next.
struct LogFetch {
    let archive: String
    /// The same without a stanza, for looking into repositories behind S3.
    let lister: String
    let only: Int?
    let repositories: [Int]
    let roots: [String]
    let remotes: [Int]
    let saved: String
    let refused: String

    var text: String {
        let first = only.map { " --repo=\($0)" } ?? ""
        let places = roots.map { "'\($0)'/archive/\(BackupSettings.stanza)/*/*/\"$1-$sum\"*" }.joined(separator: " ")
        let listed = remotes.map { repository in
            let list = "\(lister) --repo=\(repository) repo-ls archive/\(BackupSettings.stanza)"
            return "for id in $(\(list)); do \(list)/$id/$(echo \"$1\" | cut -c1-16) --filter=\"^$1-$sum\" | grep -q . "
                + "&& return 0; done"
        }.joined(separator: "\n    ")
        let others = repositories.map(String.init).joined(separator: " ")
        return """
            # Written by digitalbank restore: brings the segment $1 to $2, from wherever it is whole.
            sound() {
                case "$1" in *.history) return 0 ;; esac
                sum=$(sha1sum <"$2" | cut -c1-40)
                for found in \(places); do [ ! -e "$found" ] || return 0; done
                \(listed.isEmpty ? ":" : listed)
                rm -f "$2"; seen=1
                return 1
            }
            seen=
            \(archive)\(first) archive-get "$1" "$2" && sound "$1" "$2" && exit 0
            for repository in \(others); do
                [ -n "$seen" ] || break
                \(archive) --no-archive-async --repo=$repository archive-get "$1" "$2" && sound "$1" "$2" && exit 0
            done
            [ -e '\(saved)'/"$1" ] && cp '\(saved)'/"$1" "$2" && exit 0
            [ -z "$seen" ] || echo "$1" >>'\(refused)'
            exit 1

            """
    }
}
