internal import Diagnostics
internal import Foundation
internal import Postgres
internal import Web

/// The ways out of the bank, by kind of destination; and the bank's own acts.
struct Channels: Sendable {
    let http: HTTPSender
    let smtp: SMTPSender
    let secrets: SecretBox
    let functions: [String: AutomationFunction]
    let database: Database
    /// Where files that go with mails lie: the bank's reports.
    var attachmentsFolder: String?

    /// A destination that was made ready: its settings read, its secret opened.
    struct Target: Sendable {
        let name: String
        let kind: String
        let settings: JSON
        let secret: String?
        let retry: RetryPolicy

        var isBank: Bool { kind == "bank" }
    }

    func target(_ destination: Destination) async throws -> Target {
        let settings = (try? JSONReader.read(destination.settings)) ?? .object([])
        var secret: String?
        if let sealed = destination.secret {
            secret = String(decoding: try await secrets.open(sealed, destination.name), as: UTF8.self)
        }
        return Target(
            name: destination.name, kind: destination.kind, settings: settings, secret: secret,
            retry: RetryPolicy(settings: settings))
    }

    func send(_ delivery: ClaimedDelivery, _ payload: JSON, to target: Target) async -> Outcome {
        let action = payload["action"]?.string ?? ""
        guard action == "notify" || action == target.kind || (action == "webhook" && target.kind == "make") else {
            return .failed("\(action) does not go to a destination of kind \(target.kind)", isFinal: true)
        }
        do {
            switch target.kind {
            case "email":
                let (files, notes) = try MailAttachment.read(payload, from: attachmentsFolder)
                let mail = try Mails.mail(
                    Self.noting(notes, in: payload), key: delivery.key, to: target, attachments: files)
                return try await smtp.send(mail, through: target)
            case "webhook", "make", "slack", "teams", "sms":
                let call = try OutgoingCall.make(
                    payload, key: delivery.key, scenario: delivery.scenario, to: target,
                    now: Int64(Date().timeIntervalSince1970))
                let answer = try await http.post(call)
                return Outcome.of(
                    status: answer.status, retryAfter: answer.retryAfter, body: answer.text,
                    now: Int64(Date().timeIntervalSince1970))
            default: return .failed("there is no channel \(target.kind)", isFinal: true)
            }
        } catch let error as AutomationError {
            return .failed(error.message, isFinal: true)
        } catch let error as SendProblem {
            return .failed(error.words, code: error.code, isFinal: error.isFinal)
        } catch {
            return .failed("the connection broke: \(String(describing: type(of: error)))")
        }
    }

    /// False for a function that this server does not have.
    func knows(_ payload: JSON) -> Bool {
        let action = payload["action"]?.string.flatMap(Action.init)
        guard action == .call || action == .runReport else { return true }
        return functions[payload["name"]?.plain ?? ""] != nil
    }

    /// Does what the bank does itself and settles it in the same transaction; nil when that has happened.
    func perform(_ delivery: ClaimedDelivery, _ payload: JSON, courier: Courier) async -> Outcome? {
        guard let action = payload["action"]?.string.flatMap(Action.init), action.isInner else {
            return .failed("the bank has no such act", isFinal: true)
        }
        let begin = ContinuousClock.now
        do {
            if action == .call || action == .runReport {
                let name = payload["name"]?.plain ?? ""
                guard let function = functions[name] else {
                    return .failed("no server has a function \(name)", isFinal: true)
                }
                return .sent(
                    detail: Masking.mask(
                        try await Self.bounded(courier.settings.functionTimeMax) {
                            try await function(payload, delivery.key)
                        }))
            }
            try await database.transaction { tx in
                let words = try await ActionStore(database: tx).perform(action, payload, key: delivery.key)
                let settlement = courier.settlement(
                    delivery, .sent(detail: words), RetryPolicy(), begin.duration(to: .now))
                let settled = try await DeliveryStore(database: tx).settle(
                    "bank", owner: courier.owner, lanes: [], [settlement], trips: 1000, restSeconds: 1, disables: nil)
                // Another server has done it meanwhile: what was done here is undone.
                guard settled == 1 else { throw SendProblem(words: "done by another server") }
            }
            return nil
        } catch let error as AutomationError {
            return .failed(error.message, isFinal: true)
        } catch let error as SendProblem {
            return .failed(error.words, isFinal: error.isFinal)
        } catch {
            return .failed((error as? any Fault)?.message ?? "\(type(of: error))")
        }
    }
}

extension Channels {
    /// What has to be said beside the text, below it.
    private static func noting(_ notes: [String], in payload: JSON) -> JSON {
        guard !notes.isEmpty else { return payload }
        return payload.with("text", .string(([payload["text"]?.plain ?? ""] + notes).joined(separator: "\n\n")))
    }

    /// Cancels work that takes too long, and waits until it has ended: it never runs beside its next attempt.
    static func bounded(
        _ timeMax: Duration, _ work: @Sendable @escaping () async throws -> String
    ) async throws -> String {
        try await withThrowingTaskGroup(of: String?.self) { group in
            group.addTask { try await work() }
            group.addTask {
                try await Task.sleep(for: timeMax)
                return nil
            }
            defer { group.cancelAll() }
            guard let words = try await group.next() ?? nil else {
                throw SendProblem(words: "it took over \(timeMax.components.seconds) seconds")
            }
            return words
        }
    }
}

/// Why something did not go out.
struct SendProblem: Error, Hashable {
    let words: String
    var code: Int?
    var isFinal = false
}
