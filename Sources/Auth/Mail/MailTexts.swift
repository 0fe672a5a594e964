/// The words of messages, in both languages.
struct MailTexts: Sendable {
    let bank: String
    let language: MailLanguage

    enum Message: Sendable {
        case code(OneTimeTokenKind, code: String, link: String)
        case passwordChanged
        case addressChanged(to: String)
        /// Somebody signed up with an address that has an account.
        case alreadyRegistered
    }

    func mail(_ message: Message, to recipient: String) -> Mail {
        let (subject, text) =
            switch language {
            case .french: french(message)
            case .english: english(message)
            }
        return Mail(recipient: recipient, subject: "\(bank) : \(subject)".replacing(" :", with: colon), body: text)
    }

    private var colon: String { language == .french ? " :" : ":" }

    private func french(_ message: Message) -> (String, String) {
        switch message {
        case .code(let kind, let code, let link):
            let (subject, purpose) =
                switch kind {
                case .signup: ("confirmez votre adresse", "confirmer votre adresse et ouvrir votre accès")
                case .invite: ("votre invitation", "accepter l'invitation et ouvrir votre accès")
                case .magicLink: ("votre lien de connexion", "vous connecter")
                case .recovery: ("mot de passe oublié", "choisir un nouveau mot de passe")
                case .emailChangeCurrent: ("changement d'adresse", "autoriser le changement de votre adresse")
                case .emailChangeNew: ("changement d'adresse", "confirmer votre nouvelle adresse")
                case .reauthentication: ("votre code de confirmation", "confirmer que c'est bien vous")
                }
            return (subject, frenchCode(purpose, code, link))
        case .passwordChanged:
            return (
                "votre mot de passe a changé",
                """
                Bonjour,

                Le mot de passe de votre accès vient d'être changé, et vos autres sessions sont fermées.
                Si ce n'est pas vous, demandez tout de suite un nouveau mot de passe et prévenez la banque.
                """
            )
        case .addressChanged(let address):
            return (
                "votre adresse a changé",
                """
                Bonjour,

                L'adresse de votre accès est maintenant \(address).
                Si ce n'est pas vous, prévenez tout de suite la banque.
                """
            )
        case .alreadyRegistered:
            return (
                "vous avez déjà un accès",
                """
                Bonjour,

                Quelqu'un, vous peut-être, a voulu ouvrir un accès avec cette adresse, qui en a déjà un.
                Connectez-vous, ou demandez un nouveau mot de passe. Si ce n'est pas vous, il n'y a rien à faire.
                """
            )
        }
    }

    private func frenchCode(_ purpose: String, _ code: String, _ link: String) -> String {
        let linkLines = link.isEmpty ? "" : "\nou ouvrez ce lien :\n\n    \(link)\n"
        return """
            Bonjour,

            Pour \(purpose), entrez ce code :

                \(code)
            \(linkLines)
            Il ne sert qu'une fois. La banque ne vous le demandera jamais : ne le donnez à personne.
            Si vous n'avez rien demandé, ignorez ce message.
            """
    }

    private func english(_ message: Message) -> (String, String) {
        switch message {
        case .code(let kind, let code, let link):
            let (subject, purpose) =
                switch kind {
                case .signup: ("confirm your address", "confirm your address and open your access")
                case .invite: ("your invitation", "accept the invitation and open your access")
                case .magicLink: ("your sign-in link", "sign in")
                case .recovery: ("forgotten password", "choose a new password")
                case .emailChangeCurrent: ("change of address", "allow the change of your address")
                case .emailChangeNew: ("change of address", "confirm your new address")
                case .reauthentication: ("your confirmation code", "confirm that it is you")
                }
            return (subject, englishCode(purpose, code, link))
        case .passwordChanged:
            return (
                "your password was changed",
                """
                Hello,

                The password of your access has just been changed, and your other sessions have ended.
                If it was not you, ask for a new password at once and tell the bank.
                """
            )
        case .addressChanged(let address):
            return (
                "your address was changed",
                """
                Hello,

                The address of your access is now \(address).
                If it was not you, tell the bank at once.
                """
            )
        case .alreadyRegistered:
            return (
                "you have an access already",
                """
                Hello,

                Somebody, perhaps you, tried to open an access with this address, which has one already.
                Sign in, or ask for a new password. If it was not you, there is nothing to do.
                """
            )
        }
    }

    private func englishCode(_ purpose: String, _ code: String, _ link: String) -> String {
        let linkLines = link.isEmpty ? "" : "\nor open this link:\n\n    \(link)\n"
        return """
            Hello,

            To \(purpose), enter this code:

                \(code)
            \(linkLines)
            It works once. The bank will never ask you for it: give it to nobody.
            If you have not asked for anything, ignore this message.
            """
    }
}
