internal import Foundation
internal import Postgres
public import Web

/// Where a full card number or a verification code stands in clear: PCI DSS 3.3.1 and 3.5.1.
public struct CardScan: Sendable {
    public struct Finding: Sendable, Hashable {
        public let place: String
        /// At most the first six and the last four digits.
        public let shown: String
    }

    public struct Report: Sendable {
        public let findings: [Finding]
        /// Files and folders that could not be read: nobody knows what stands there.
        public let unread: [String]
        public let columnsRead: Int
        public let filesRead: Int
        public let processesRead: Int
        public let bytesRead: Int64
        public let keysLive: Int64
        public let keysByKEK: [String: Int64]

        public var isClean: Bool { findings.isEmpty && unread.isEmpty }

        public var json: JSON {
            [
                "format": "digitalbank.pci/1", "clean": .bool(isClean), "columns": .integer(columnsRead),
                "files": .integer(filesRead), "processes": .integer(processesRead),
                "bytes": .integer(bytesRead), "keys_live": .integer(keysLive),
                "keys_by_kek": .object(keysByKEK.sorted { $0.key < $1.key }.map { .init($0.key, .integer($0.value)) }),
                "findings": .array(findings.map { ["place": .string($0.place), "shown": .string($0.shown)] }),
                "unread": .array(unread.map { .string($0) }),
            ]
        }
    }

    static let findingsMax = 10_000
    /// A place with so many is known well enough.
    static let findingsOfPlaceMax = 100
    /// Of a column of numbers with thirteen digits and more, so many in a hundred must be card numbers: of any such numbers
    /// one in forty looks like one.
    static let numericPercentMin = 20

    /// Card numbers in a text, by the scanner's own rules.
    static func numbers(in bytes: [UInt8]) -> [String] {
        PersonalScanner().scan(bytes).filter { $0.kind == .card }.map { hit in
            let digits = bytes[hit.range].filter(TextBytes.isDigit)
            return String(decoding: digits.prefix(6), as: UTF8.self) + "…"
                + String(decoding: digits.suffix(4), as: UTF8.self)
        }
    }

    /// Reads a file in blocks that overlap, so that no number is cut in two.
    static func scan(file path: String, _ findings: inout [Finding]) throws -> Int64 {
        guard let handle = FileHandle(forReadingAtPath: path) else { throw CocoaError(.fileReadNoPermission) }
        defer { try? handle.close() }
        var read: Int64 = 0
        var count = 0
        var tail: [UInt8] = []
        while let block = try handle.read(upToCount: 1 << 20), !block.isEmpty {
            read += Int64(block.count)
            let bytes = tail + Array(block)
            for shown in numbers(in: bytes) where count < findingsOfPlaceMax && findings.count < findingsMax {
                findings.append(Finding(place: path, shown: shown))
                count += 1
            }
            tail = Array(bytes.suffix(64))
        }
        return read
    }
}

/// What stands below folders, each file once; what can not be listed or read is told.
struct FolderScan {
    private(set) var findings: [CardScan.Finding] = []
    private(set) var unread: [String] = []
    private(set) var files = 0
    private(set) var bytes: Int64 = 0

    mutating func scan(_ folder: String) throws {
        let manager = FileManager.default
        var isFolder: ObjCBool = false
        guard manager.fileExists(atPath: folder, isDirectory: &isFolder) else {
            throw PrivacyError.request("there is no folder \(folder)")
        }
        guard isFolder.boolValue else { return read(folder) }
        var waiting = [folder]
        while let place = waiting.popLast() {
            guard let names = try? manager.contentsOfDirectory(atPath: place) else {
                // Gone since it was listed: not there to be read.
                if manager.fileExists(atPath: place) { unread.append(place) }
                continue
            }
            for name in names {
                for shown in CardScan.numbers(in: Array(name.utf8)) {
                    findings.append(.init(place: "name of \(folder)/…", shown: shown))
                }
                let path = place + "/" + name
                switch try? manager.attributesOfItem(atPath: path)[.type] as? FileAttributeType {
                case FileAttributeType.typeDirectory?: waiting.append(path)
                case FileAttributeType.typeRegular?: read(path)
                default: continue
                }
            }
        }
    }

    private mutating func read(_ path: String) {
        do {
            bytes += try CardScan.scan(file: path, &findings)
            files += 1
        } catch {
            if FileManager.default.fileExists(atPath: path) { unread.append(path) }
        }
    }
}

extension PrivacyDesk {
    /// Looks for card numbers in every column of text, JSON and long numbers, and in the files below the folders, their names
    /// too, and in the memory of processes.
    public func scanCards(folders: [String], processes: [Int32] = []) async throws -> CardScan.Report {
        let store = CardScanStore(database: database)
        let columns = try await store.columns()
        var findings: [CardScan.Finding] = []
        for column in columns where findings.count < CardScan.findingsMax {
            findings += try await scan(column, store)
        }
        // A verification code has no check digit: its column would be found by its name.
        for place in try await store.codeColumns() {
            findings.append(.init(place: place, shown: "a column of verification codes"))
        }
        var disk = FolderScan()
        for folder in folders { try disk.scan(folder) }
        findings += disk.findings
        var bytes = disk.bytes
        for process in processes {
            let read = MemoryScan.scan(process, &findings)
            guard read > 0 else {
                throw PrivacyError.request("the memory of process \(process) can not be read; run it as root")
            }
            bytes += read
        }
        let keys = try await store.keys()
        return CardScan.Report(
            findings: findings, unread: disk.unread, columnsRead: columns.count, filesRead: disk.files,
            processesRead: processes.count, bytesRead: bytes,
            keysLive: keys.values.reduce(0, +), keysByKEK: keys)
    }

    /// Every value that could be one is judged, one by one.
    private func scan(_ column: CardScanStore.Column, _ store: CardScanStore) async throws -> [CardScan.Finding] {
        var found: [CardScan.Finding] = []
        var suspects = 0
        var hits = 0
        for try await row in store.suspects(column) {
            suspects += 1
            for shown in CardScan.numbers(in: Array(try row.decode(0, as: String.self).utf8)) {
                hits += 1
                if found.count < CardScan.findingsOfPlaceMax {
                    found.append(.init(place: "\(column.relation).\(column.name)", shown: shown))
                }
            }
            if !column.isNumber, found.count >= CardScan.findingsOfPlaceMax { break }
        }
        return column.isNumber && hits * 100 < suspects * CardScan.numericPercentMin ? [] : found
    }
}
