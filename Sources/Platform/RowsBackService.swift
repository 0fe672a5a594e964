internal import Continuity
internal import Foundation

/// Chosen tables or one client back from a past moment, for the command line.
extension ContinuityService {
    public struct RowsOrder: Sendable {
        /// The moment, and `from` for a cluster that was restored already.
        public var moment: RestoreOrder
        public var tables: [String] = []
        public var client: String?
        public var from: String?
        /// Written by a first look; read when its rows are to be given back.
        public var planFile: String?
        public var applies = false

        public init(moment: RestoreOrder) { self.moment = moment }
    }

    public static func giveBack(_ order: RowsOrder) async throws -> (lines: [String], isWhole: Bool) {
        var client: UUID?
        if let text = order.client {
            guard let id = UUID(uuidString: text) else { return (["\(text) is no client's id"], false) }
            client = id
        }
        let desk = desk(order.moment.dataDirectory)
        var request = RowsBack.Order(
            tables: order.tables, client: client, target: try await target(order.moment, desk))
        request.from = order.from
        let rows = RowsBack(desk: desk)
        guard order.applies else {
            let plan = try await rows.plan(request)
            if let path = order.planFile { try plan.write(path) }
            return (
                plan.lines + ["nothing was changed; to give these rows back: the same with --plan FILE --yes"], true
            )
        }
        guard let path = order.planFile else { return (["--yes needs the --plan that was read"], false) }
        let outcome = try await rows.apply(try RowsPlan.read(path), request)
        return (
            ["\(outcome.broughtBack) rows brought back, \(outcome.setBack) set back"]
                + outcome.conflicts.map { "CONFLICT  \($0)" }, outcome.isWhole
        )
    }
}
