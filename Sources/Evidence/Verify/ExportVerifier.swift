internal import Cryptography
internal import Foundation

/// Verifies a journal export line by line: memory does not grow with the number of entries.
struct ExportVerifier {
    private var problems: Problems
    private var keys: TrustedKeys
    private let heads: HeadFile?
    private var chain = BlockChain()
    private var current: BlockCheck?
    private var blockCount = 0
    private var entryCount = 0
    private var sealedCount = 0
    private var unsealed = Unsealed()
    private var isInUnsealed = false
    private var isEnded = false

    private struct Unsealed {
        var count = 0
        var firstID = Int64.max
        var lastID = Int64.min
    }

    static func verify(path: String, keys fingerprints: [String], headPath: String?) throws -> Verdict {
        var problems = Problems()
        let keys = TrustedKeys(fingerprints)
        let heads = try headPath.map { try HeadFile(path: $0, keys: keys, &problems) }
        var verifier = ExportVerifier(problems: problems, keys: keys, heads: heads)
        var reader = try LineReader(path: path)
        var number = 0
        while try reader.next({ line in
            number += 1
            verifier.read(line, number)
        }) {}
        return verifier.conclude()
    }

    private init(problems: Problems, keys: TrustedKeys, heads: HeadFile?) {
        self.problems = problems
        self.keys = keys
        self.heads = heads
    }

    private mutating func read(_ line: UnsafeBufferPointer<UInt8>, _ number: Int) {
        guard !isEnded else { return problems.add("line \(number) stands behind the end") }
        guard let object = FlatJSON(line) else { return problems.add("line \(number) can not be read") }
        let fields = object.fields
        if number == 1 {
            if fields["format"] != ExportLine.formatName { problems.add("line 1 is not the beginning of an export") }
        } else if fields["entry"] != nil {
            guard let entry = JournalEntry(fields: fields), ExportLine.entry(entry).isExactly(line) else {
                return problems.add("line \(number) is no entry as an export writes it")
            }
            add(entry)
        } else if fields["block"] != nil {
            guard let block = JournalBlock(fields: fields), ExportLine.block(block).isExactly(line) else {
                return problems.add("line \(number) is no block as an export writes it")
            }
            finishBlock()
            if isInUnsealed { problems.add("block \(block.number) stands behind the entries that are not sealed") }
            begin(block)
        } else if ExportLine.unsealed().isExactly(line) {
            finishBlock()
            isInUnsealed = true
        } else if fields["end"] != nil {
            finishBlock()
            isEnded = true
            if !ExportLine.end(blocks: blockCount, entries: entryCount).isExactly(line) {
                problems.add(
                    """
                    the file has \(blockCount) blocks and \(entryCount) entries, and was written with \
                    \(fields["blocks"] ?? "?") and \(fields["entries"] ?? "?")
                    """)
            }
        } else {
            problems.add("line \(number) is neither an entry nor a block")
        }
    }

    private mutating func begin(_ block: JournalBlock) {
        blockCount += 1
        keys.note(block.key)
        chain.add(block, keys, &problems)
        if let head = heads?.heads[block.number], head.hash != block.hash.hex {
            problems.add(
                "block \(block.number) is not the one whose head was published on \(head.sealedAt.asTime): rewritten")
        }
        current = BlockCheck(block)
    }

    private mutating func add(_ entry: JournalEntry) {
        entryCount += 1
        if current != nil {
            sealedCount += 1
            current?.add(entry, &problems)
        } else if isInUnsealed {
            unsealed.count += 1
            unsealed.firstID = min(unsealed.firstID, entry.id)
            unsealed.lastID = max(unsealed.lastID, entry.id)
            if let end = chain.ends[entry.cluster], entry.xid < end {
                problems.add("entry \(entry.id) belongs to a sealed block and stands outside of it")
            }
        } else {
            problems.add("entry \(entry.id) stands in no block")
        }
    }

    private mutating func finishBlock() {
        current?.finish(&problems)
        current = nil
    }

    private mutating func conclude() -> Verdict {
        finishBlock()
        if !isEnded { problems.add("the file is cut: its last line is missing") }
        if let head = heads?.last {
            if head.block > chain.number {
                problems.add(
                    """
                    the journal ends at block \(chain.number); the head of block \(head.block), with \(head.entries) \
                    entries up to it, was published on \(head.sealedAt.asTime): the tail was cut off, or the database \
                    was set back
                    """)
            }
        }
        guard problems.isEmpty else {
            return Verdict(isValid: false, lines: ["NOT VALID"] + problems.all.map { "  " + $0 } + notes)
        }
        let what = "valid: \(sealedCount) entries in \(blockCount) blocks, head \(chain.hash.hex)"
        let trust =
            keys.isOpen
            ? keys.seen.sorted().map { "compare this fingerprint with the one you were given: \($0)" }
            : ["by the key you named"]
        return Verdict(isValid: true, lines: [what] + trust + notes)
    }

    private var notes: [String] {
        var notes: [String] = []
        if unsealed.count > 0 {
            notes.append(
                """
                NOT SEALED: \(unsealed.count) entries (ids \(unsealed.firstID) to \(unsealed.lastID)): nothing proves \
                them yet
                """)
        }
        guard let heads else {
            return notes + ["a tail that was cut off does not show without a published head: give one with --head FILE"]
        }
        if let last = heads.last {
            let since = chain.number - last.block
            notes.append(
                "published head: block \(last.block), \(last.sealedAt.asTime)"
                    + (since > 0 ? "; \(since) blocks since then can still be cut off unseen" : ""))
        } else {
            notes.append("no published head was found in the file given")
        }
        return notes
    }
}

/// What each block must say of the one before it.
struct BlockChain {
    private(set) var number: Int64 = 0
    private(set) var hash = JournalBlock.firstPrevious
    /// Where the sealed transactions of each cluster end.
    private(set) var ends: [Int64: UInt64] = [:]
    /// The first 8 bytes of each hash, and the block that follows it.
    private var followers: [UInt64: Int64] = [:]

    mutating func add(_ block: JournalBlock, _ keys: TrustedKeys, _ problems: inout Problems) {
        checkPlace(block, &problems)
        let digest = block.digest
        let key = Ed25519.PublicKey(raw: block.key)
        if digest != block.hash {
            problems.add("block \(block.number): a field of the block was changed")
        } else if !key.isValid(block.signature, for: digest) {
            problems.add("block \(block.number) is not signed by its key")
        } else if !keys.accepts(block.key) {
            problems.add("block \(block.number) is signed by \(key.fingerprint), which is not a key you named")
        }
        if block.marks.count != block.rowCount * JournalBlock.markBytes {
            problems.add("block \(block.number) says \(block.rowCount) entries and has marks of another number")
        }
        let begin = ends[block.cluster] ?? 0
        if block.firstXid != begin || block.endXid <= block.firstXid {
            problems.add(
                "block \(block.number) covers transactions from \(block.firstXid), those sealed before end at \(begin)")
        }
        ends[block.cluster] = max(block.endXid, begin)
        number = block.number
        hash = block.hash
    }

    private mutating func checkPlace(_ block: JournalBlock, _ problems: inout Problems) {
        let mark = block.previous.prefix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        if let other = followers[mark] {
            problems.add("block \(block.number) and block \(other) have the same predecessor: the journal forks there")
        } else if block.previous != hash {
            problems.add("block \(block.number) does not follow the block before it")
        }
        if block.number > number + 1 {
            problems.add(
                block.number == number + 2
                    ? "block \(number + 1) is missing" : "blocks \(number + 1) to \(block.number - 1) are missing")
        } else if block.number <= number {
            problems.add("block \(block.number) stands behind block \(number)")
        }
        followers[mark] = followers[mark] ?? block.number
    }
}

extension String {
    /// Microseconds since 1970 as a time that people read.
    fileprivate var asTime: String {
        guard let micros = Int64(self), abs(micros / 1_000_000) < 4_000_000_000 else { return self }
        return Date(timeIntervalSince1970: Double(micros) / 1_000_000).formatted(.iso8601)
    }
}
