internal import Cryptography
internal import Foundation
internal import HTTPTypes
internal import Web

/// The page behind a link in a mail: one button that posts. No script, nothing from elsewhere, in no frame.
struct ConfirmationPage: Sendable {
    let language: MailLanguage
    let bank: String
    let action: String
    let token: String
    let type: VerificationType
    let redirectTo: String
    /// Where the answer to the form leads: browsers hold the form's policy against it too.
    let redirectOrigin: String

    private static let style =
        "body{font:1.1rem/1.5 system-ui,sans-serif;max-width:32rem;margin:15vh auto;padding:0 1rem;"
        + "color:#16202c}button{font:inherit;padding:.7rem 1.6rem;border:0;border-radius:.4rem;background:#0b4f8a;color:#fff}"

    var response: ApiResponse {
        var response = ApiResponse(status: .ok, fields: [.contentType: MediaType.html], body: Array(html.utf8))
        let styleHash = Data(SHA256.hash(Array(Self.style.utf8))).base64EncodedString()
        response.fields[.cacheControl] = "no-store"
        response.fields[.referrerPolicy] = "no-referrer"
        response.fields[.contentSecurityPolicy] =
            "default-src 'none'; style-src 'sha256-\(styleHash)'; form-action 'self' \(redirectOrigin); "
            + "frame-ancestors 'none'; base-uri 'none'"
        response.fields[.xFrameOptions] = "DENY"
        response.fields[.crossOriginOpenerPolicy] = "same-origin"
        return response
    }

    private var words: (title: String, text: String, button: String) {
        switch (language, type) {
        case (.french, .recovery):
            ("Nouveau mot de passe", "Continuez pour choisir un nouveau mot de passe.", "Continuer")
        case (.french, .emailChange): ("Changement d'adresse", "Confirmez le changement d'adresse.", "Confirmer")
        case (.french, .signup): ("Votre adresse", "Confirmez votre adresse.", "Confirmer")
        case (.french, .invite): ("Votre invitation", "Acceptez l'invitation.", "Accepter")
        case (.french, _): ("Connexion", "Continuez pour vous connecter.", "Se connecter")
        case (.english, .recovery): ("New password", "Go on to choose a new password.", "Go on")
        case (.english, .emailChange): ("Change of address", "Confirm the change of address.", "Confirm")
        case (.english, .signup): ("Your address", "Confirm your address.", "Confirm")
        case (.english, .invite): ("Your invitation", "Accept the invitation.", "Accept")
        case (.english, _): ("Sign in", "Go on to sign in.", "Sign in")
        }
    }

    private var html: String {
        let (title, text, button) = words
        return """
            <!doctype html>
            <html lang="\(language.rawValue)">
            <head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
            <title>\(Self.escape("\(title) - \(bank)"))</title><style>\(Self.style)</style></head>
            <body><main><h1>\(Self.escape(title))</h1><p>\(Self.escape(text))</p>
            <form method="post" action="\(Self.escape(action))">
            <input type="hidden" name="token" value="\(Self.escape(token))">
            <input type="hidden" name="type" value="\(type.rawValue)">
            <input type="hidden" name="redirect_to" value="\(Self.escape(redirectTo))">
            <button type="submit">\(Self.escape(button))</button></form></main></body></html>
            """
    }

    static func escape(_ text: String) -> String {
        text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
            .replacing("\"", with: "&quot;").replacing("'", with: "&#39;")
    }
}

extension HTTPField.Name {
    static var crossOriginOpenerPolicy: HTTPField.Name {
        HTTPField.Name("Cross-Origin-Opener-Policy") ?? .contentType
    }
    static var xFrameOptions: HTTPField.Name { HTTPField.Name("X-Frame-Options") ?? .contentType }
}
