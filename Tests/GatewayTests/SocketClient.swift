import Foundation
import TestSupport
import Web

/// A web socket that is read and written byte by byte, on the thread that calls.
final class SocketClient {
    struct Frame: Equatable {
        let opcode: UInt8
        let data: [UInt8]

        var text: String { String(decoding: data, as: UTF8.self) }
        var json: JSON { (try? JSONReader.read(text)) ?? .null }
        /// Of a close frame.
        var closeCode: Int? { opcode == 8 && data.count >= 2 ? Int(data[0]) << 8 | Int(data[1]) : nil }
    }

    let raw: RawClient
    /// The head of the answer to the handshake.
    let head: String
    private var buffer: [UInt8]
    private var reference = 0

    var isOpen: Bool { head.hasPrefix("HTTP/1.1 101") }

    init(port: Int, target: String, headers: [String: String] = [:]) throws {
        raw = try RawClient(port: port)
        let more = headers.map { "\($0): \($1)\r\n" }.joined()
        raw.send(
            "GET \(target) HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" + more
                + "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
        let answer = raw.receiveBytes { String(decoding: $0, as: UTF8.self).contains("\r\n\r\n") }
        let end = answer.firstRange(of: Array("\r\n\r\n".utf8))?.upperBound ?? answer.endIndex
        head = String(decoding: answer[..<end], as: UTF8.self)
        buffer = Array(answer[end...])
    }

    static func frame(_ opcode: UInt8, _ data: [UInt8], isFinal: Bool = true, isMasked: Bool = true) -> [UInt8] {
        var bytes: [UInt8] = [(isFinal ? 0x80 : 0) | opcode]
        let mask: UInt8 = isMasked ? 0x80 : 0
        switch data.count {
        case ..<126: bytes.append(mask | UInt8(data.count))
        case ..<65_536: bytes += [mask | 126, UInt8(data.count >> 8), UInt8(data.count & 0xFF)]
        default: bytes += [mask | 127] + (0..<8).map { UInt8(data.count >> (56 - 8 * $0) & 0xFF) }
        }
        guard isMasked else { return bytes + data }
        let key: [UInt8] = [0x12, 0x34, 0x56, 0x78]
        return bytes + key + data.enumerated().map { $1 ^ key[$0 % 4] }
    }

    func send(_ opcode: UInt8, _ data: [UInt8]) { raw.send(Self.frame(opcode, data)) }

    /// Nil when the connection ended, or nothing came for twenty seconds.
    func next() -> Frame? {
        while true {
            if let frame = take() { return frame }
            let more = raw.receiveBytes { !$0.isEmpty }
            guard !more.isEmpty else { return nil }
            buffer += more
        }
    }

    private func take() -> Frame? {
        guard buffer.count >= 2 else { return nil }
        var start = 2
        var count = Int(buffer[1] & 0x7F)
        if count == 126 {
            guard buffer.count >= 4 else { return nil }
            (count, start) = (Int(buffer[2]) << 8 | Int(buffer[3]), 4)
        } else if count == 127 {
            guard buffer.count >= 10 else { return nil }
            (count, start) = (buffer[2..<10].reduce(0) { $0 << 8 | Int($1) }, 10)
        }
        guard buffer.count >= start + count else { return nil }
        defer { buffer.removeFirst(start + count) }
        return Frame(opcode: buffer[0] & 0x0F, data: Array(buffer[start..<(start + count)]))
    }

    // MARK: Phoenix, version 1

    func push(_ topic: String, _ event: String, _ payload: JSON) {
        reference += 1
        let message: JSON = [
            "topic": .string(topic), "event": .string(event), "payload": payload, "ref": .string("\(reference)"),
            "join_ref": "1",
        ]
        send(1, Array(message.text.utf8))
    }

    /// The next message of one of these events; those before it are passed over.
    func message(_ events: String...) -> JSON? {
        while let frame = next() {
            guard frame.opcode == 1 else {
                if frame.opcode == 8 { return nil }
                continue
            }
            if let event = frame.json["event"]?.string, events.contains(event) { return frame.json }
        }
        return nil
    }

    /// Joins and says what was answered.
    func join(_ topic: String, _ config: JSON, token: String? = nil) -> JSON? {
        var members: [JSON.Member] = [.init("config", config)]
        if let token { members.append(.init("access_token", .string(token))) }
        push(topic, "phx_join", .object(members))
        return message("phx_reply")?["payload"]
    }

    func close() { raw.close() }
}
