public import BankAPI

extension Mount {
    /// What the card network asks: holds, captures, releases.
    public static func cards(_ network: CardNetwork) -> Mount {
        Mount("/cards/v1") { request, actor in
            guard let actor else {
                return TokenRefusal(code: "PGRST302", message: "Anonymous access is disabled").response
            }
            return await network.handle(request, actor: actor)
        }
    }
}
