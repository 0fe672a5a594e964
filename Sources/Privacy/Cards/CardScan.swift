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
        public let columnsRead: Int
        public let filesRead: Int
        public let processesRead: Int
        public let bytesRead: Int64
        public let keysLive: Int64
        public let keysByKEK: [String: Int64]

        public var json: JSON {
            [
                "format": "digitalbank.pci/1", "clean": .bool(findings.isEmpty), "columns": .integer(columnsRead),
                "files": .integer(filesRead), "processes": .integer(processesRead),
                "bytes": .integer(bytesRead), "keys_live": .integer(keysLive),
                "keys_by_kek": .object(keysByKEK.sorted { $0.key < $1.key }.map { .init($0.key, .integer($0.value)) }),
                "findings": .array(findings.map { ["place": .string($0.place), "shown": .string($0.shown)] }),
            ]
        }
    }

    static let findingsMax = 1_000

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
        guard let handle = FileHandle(forReadingAtPath: path) else { return 0 }
        defer { try? handle.close() }
        var read: Int64 = 0
        var tail: [UInt8] = []
        while let block = try handle.read(upToCount: 1 << 20), !block.isEmpty {
            read += Int64(block.count)
            let bytes = tail + Array(block)
            for shown in numbers(in: bytes) where findings.count < findingsMax {
                findings.append(Finding(place: path, shown: shown))
            }
            tail = Array(bytes.suffix(64))
        }
        return read
    }
}

extension PrivacyDesk {
    /// Looks for card numbers in every column of text and JSON, and in the files below the folders, their names too, and
    /// in the memory of processes.
    public func scanCards(folders: [String], processes: [Int32] = []) async throws -> CardScan.Report {
        var findings: [CardScan.Finding] = []
        let store = CardScanStore(database: database)
        let columns = try await store.textColumns()
        for (relation, column) in columns {
            for sample in try await store.suspects(relation, column, most: CardScan.findingsMax) {
                for shown in CardScan.numbers(in: Array(sample.utf8)) where findings.count < CardScan.findingsMax {
                    findings.append(.init(place: "\(relation).\(column)", shown: shown))
                }
            }
        }
        // A verification code has no check digit: its column would be found by its name.
        for place in try await store.codeColumns() {
            findings.append(.init(place: place, shown: "a column of verification codes"))
        }
        var files = 0
        var bytes: Int64 = 0
        for folder in folders {
            let walker = FileManager.default.enumerator(atPath: folder)
            while let name = walker?.nextObject() as? String {
                let path = folder + "/" + name
                for shown in CardScan.numbers(in: Array(name.utf8)) {
                    findings.append(.init(place: "name of \(folder)/…", shown: shown))
                }
                guard walker?.fileAttributes?[.type] as? FileAttributeType == .typeRegular else { continue }
                bytes += try CardScan.scan(file: path, &findings)
                files += 1
            }
        }
        for process in processes {
            let read = MemoryScan.scan(process, &findings)
            guard read > 0 else {
                throw PrivacyError.request("the memory of process \(process) can not be read; run it as root")
            }
            bytes += read
        }
        let keys = try await store.keys()
        return CardScan.Report(
            findings: findings, columnsRead: columns.count, filesRead: files,
            processesRead: processes.count, bytesRead: bytes,
            keysLive: keys.values.reduce(0, +), keysByKEK: keys)
    }
}
