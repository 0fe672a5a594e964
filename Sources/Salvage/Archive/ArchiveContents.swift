/// The header and the table of contents of an archive, as far as damage left them.
///
/// When the header does not say how the contents are laid out, each layout that pg_dump has used is tried, and the one
/// that makes sense of the most entries is taken.
struct ArchiveContents {
    var header = ArchiveHeader()
    var hasHeader = false
    var contents = TableOfContents()
    var damage: [Damage] = []

    static func read(_ window: FileWindow, at start: Int, limit: Int, format: Int) -> ArchiveContents {
        var read = ArchiveContents()
        var cursor = ArchiveCursor(window: window, offset: start)
        cursor.limit = limit
        do {
            read.header = try cursor.header()
            read.hasHeader = true
            read.header.format = format
            read.contents = try TableOfContents.read(&cursor, read.header)
        } catch let broken as ArchiveCursor.Broken {
            read.damage.append(
                Damage(
                    kind: .headerLost, range: start..<max(broken.offset, start + 1),
                    explanation: .init(
                        fr: "l’en-tête de l’archive ne se lit pas : \(broken.reason.fr)",
                        en: "the archive's header can not be read: \(broken.reason.en)")))
            read.guess(cursor, from: start, format: format)
        } catch {}
        read.damage += read.contents.damage
        return read
    }

    /// One version for each layout of an entry, and the two sizes of an offset.
    private static let layouts = [(14, 8), (16, 8), (12, 8), (14, 4), (10, 8)]

    private mutating func guess(_ cursor: ArchiveCursor, from start: Int, format: Int) {
        var best: (contents: TableOfContents, header: ArchiveHeader)?
        for (minor, offsetSize) in Self.layouts {
            var header = ArchiveHeader()
            header.minor = minor
            header.offsetSize = offsetSize
            header.format = format
            var attempt = cursor
            attempt.intSize = 4
            attempt.offsetSize = offsetSize
            let found = TableOfContents.search(&attempt, header, from: start)
            if found.entries.count > best?.contents.entries.count ?? 0 { best = (found, header) }
        }
        guard let best else { return }
        contents = best.contents
        header = best.header
    }
}
