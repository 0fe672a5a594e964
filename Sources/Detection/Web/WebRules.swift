/// Classes of attacks on web applications.
public enum WebClass: String, CaseIterable, Sendable {
    case sqlInjection = "sql_injection", noSQLInjection = "nosql_injection", script = "xss"
    case traversal = "path_traversal", command = "command_injection", fileInclusion = "file_inclusion", ssrf
    case template = "template_injection", log4shell, deserialization, xxe, ldap = "ldap_injection"
    case xpath = "xpath_injection", splitting = "header_injection", webShell = "web_shell"
    case sensitiveFile = "sensitive_file", probe

    /// Its place in `allCases`.
    var place: Int {
        switch self {
        case .sqlInjection: 0
        case .noSQLInjection: 1
        case .script: 2
        case .traversal: 3
        case .command: 4
        case .fileInclusion: 5
        case .ssrf: 6
        case .template: 7
        case .log4shell: 8
        case .deserialization: 9
        case .xxe: 10
        case .ldap: 11
        case .xpath: 12
        case .splitting: 13
        case .webShell: 14
        case .sensitiveFile: 15
        case .probe: 16
        }
    }

    var rule: Rule {
        let (technique, title): (String, String) =
            switch self {
            case .sqlInjection: ("T1190", "Injection SQL")
            case .noSQLInjection: ("T1190", "Injection NoSQL")
            case .script: ("T1189", "Script injecté (XSS)")
            case .traversal: ("T1083", "Sortie du dossier du site")
            case .command: ("T1059.004", "Commande du système injectée")
            case .fileInclusion: ("T1190", "Inclusion de fichier")
            case .ssrf: ("T1190", "Requête du serveur détournée (SSRF)")
            case .template: ("T1190", "Injection dans un gabarit")
            case .log4shell: ("T1190", "Log4Shell")
            case .deserialization: ("T1190", "Objet sérialisé piégé")
            case .xxe: ("T1190", "Entité XML externe")
            case .ldap: ("T1190", "Injection LDAP")
            case .xpath: ("T1190", "Injection XPath")
            case .splitting: ("T1190", "En-tête HTTP injecté")
            case .webShell: ("T1505.003", "Porte dérobée web")
            case .sensitiveFile: ("T1083", "Fichier sensible demandé")
            case .probe: ("T1595.002", "Sonde")
            }
        return Rule(
            "web-" + rawValue.replacing("_", with: "-"), rawValue, self == .webShell ? .high : .medium,
            self == .probe ? .reconnaissance : .initialAccess, technique, title,
            advice: "Interdire l'adresse ; corriger le point d'entrée visé.")
    }
}

/// One pattern over the plain form of a piece. `{^}` and `{$}` are a piece's ends; five points make an attack.
struct WebRule: Sendable {
    let kind: WebClass
    let points: Int
    let pattern: String

    init(_ kind: WebClass, _ points: Int, _ pattern: String) {
        self.kind = kind
        self.points = points
        self.pattern = pattern.replacing("{^}", with: "(?:^|\\x01)").replacing("{$}", with: "(?:$|\\x01)")
    }

    /// Everything, for text that holds what an attack needs.
    static let all: [WebRule] = sql + script + files + commands + others + bare

    /// For text of letters, digits and `/._-~=:?+,@` only: names of files and places, and words that call for `all`.
    static let plain: [WebRule] = bare + [WebRule(.probe, 0, callers)]

    private static let callers =
        #"union|select|insert|delete|drop|truncate|update|exec|declare|waitfor|outfile|order\s|procedure|like|between|\bping|wget|curl|\brm\s|chmod|uname|\bcat\s|cmd|powershell|\bnc\s|\bdir[\s+]|://|\.\.|script\s?:|jndi|0x|\b(?:or|and|xor|having)\s|/bin/|data:|ro0ab|meta-data|=[a-z]?\s?/?(?:id|ls|dir)\b|(?:/\.){4}|collaborator|oast|interact\.sh|computemeta|classloader"#

    /// For user agents and referers, which are full of parentheses and of other sites' arguments.
    static let headers: [WebRule] = [
        WebRule(.log4shell, 5, #"\$\{\s*(?:jndi|lower|upper|env|sys|date|ctx|main|java|base64)?\s*:|jndi\s*:|\$\{::-"#),
        WebRule(.script, 5, #"<\s*script|<\s*iframe|<\s*img[^>]*onerror"#),
        WebRule(
            .command, 5,
            #"\(\)\s*\{\s*[:_]|<\?(?:php|=)|/bin/(?:ba|da|z)?sh\b|;\s*(?:wget|curl)\s|\$\(\s*(?:id|curl|wget)\b"#),
        WebRule(
            .sqlInjection, 5,
            #"union[^a-z0-9]+(?:all[^a-z0-9]+)?select|'\s*(?:or|and)\s+['0-9(]|\b(?:pg_)?sleep\s*\(|waitfor\s+delay|benchmark\s*\(|';\s*(?:select|drop|insert)"#
        ),
        WebRule(.sensitiveFile, 5, #"etc/(?:passwd|shadow)"#),
        WebRule(.deserialization, 5, #"%\{\s*\(?\s*#|#_memberaccess|\bognl\."#),
    ]

    private static let sql: [WebRule] = [
        WebRule(.sqlInjection, 5, #"union[^a-z0-9_]+(?:all[^a-z0-9_]+|distinct[^a-z0-9_]+)?\(*\s*select"#),
        WebRule(
            .sqlInjection, 5,
            #"select\b[^\x01]+\bfrom\b[^\x01]*(?:information_schema|pg_catalog|pg_user|pg_shadow|pg_roles|sysobjects|syscolumns|sysusers|systables|mysql\.|all_tables|all_users|\bdual\b|sqlite_master|rdb\$|domain\.|sysibm|generate_series|msysobjects|sysmaster|performance_schema)"#
        ),
        WebRule(
            .sqlInjection, 5,
            #"['"`%)\]]\s*\)*\s*(?:\b(?:or|and|xor|having|rlike|div|where)\b|\|\||&&)[\s('"!@+-]*[^=<>\x01]*?(?:=|<|>|\blike\b|\bin\s*\(|\bbetween\b|\bis\s+(?:not\s+)?null|\bregexp\b|\brlike\b|\bsounds\b)"#
        ),
        WebRule(
            .sqlInjection, 5,
            #"(?:\b(?:or|and|having|where|xor)\b|\|\||&&)[\s(!+-]+['"]?[0-9]+['"]?\s*\)*\s*(?:=|<>|<|>|!=|<=>|like|in\s*\(|between)\s*\(*['"(]?(?:[0-9]|select|null|true|false|-)"#
        ),
        WebRule(
            .sqlInjection, 5,
            #"(?:\b(?:or|and|having|xor)\b|\|\||&&)\s*\(*\s*(?:not\s+)?(['"])?[a-z0-9_]+['"]?\s*(?:=|like)\s*['"][a-z0-9_%]*"#
        ),
        WebRule(
            .sqlInjection, 5,
            #"[;'")]\s*(?:select\b\s*[^\s\x01]|insert\s+into|update\s+\S+\s+set|delete\s+from|drop\s+(?:table|database|user|view|schema|role)|create\s+(?:table|user|role|function|alias|or)|alter\s+(?:table|user|role|system)|truncate|exec|execute|declare|waitfor|shutdown|copy\s|grant\s|merge\s|vacuum|attach\s|call\s|begin\b|if\s*\()"#
        ),
        WebRule(
            .sqlInjection, 5,
            #"\b(?:sleep|benchmark|pg_sleep|dbms_pipe\.receive_message|dbms_lock\.sleep|dbms_[a-z]+\.[a-z_]+|randomblob|make_set|extractvalue|updatexml|load_file|xp_[a-z]+|sp_(?:executesql|password|oacreate)|utl_inaddr\.[a-z_]+|utl_http\.[a-z_]+|ctxsys\.[a-z_.]+|regexp_substring|group_concat|string_agg|array_to_string|gtid_subset|json_keys|quote_literal|load_extension|pg_read_file|lo_import|query_to_xml|database_to_xml|sys\.[a-z_.]+|crypt_key|name_const|xmltype|nvarchar|varchar2)\s*\("#
        ),
        WebRule(.sqlInjection, 5, #"waitfor\s+(?:delay|time)\s+['"\d]"#),
        WebRule(.sqlInjection, 5, #"procedure\s+analyse\s*\("#),
        WebRule(.sqlInjection, 5, #"\bcha?r\s*\(\s*[0-9]+\s*\)\s*(?:\|\||\+|&|%2b|\s)\s*cha?r"#),
        WebRule(.sqlInjection, 5, #"\b(?:convert|cast)\s*\([^\x01]+(?:\bint\b|\bas\b|\bchar\b|using)"#),
        WebRule(.sqlInjection, 5, #"=[^=\x01]*['"]\)*\s*(?:--|#|/\*|;\s*(?:--)?\s*{$})"#),
        WebRule(.sqlInjection, 5, #"\binto\s+(?:out|dump)file\b"#),
        WebRule(.sqlInjection, 5, #"['")0-9]\s*(?:order|group)\s+by\s+[0-9(]"#),
        WebRule(.sqlInjection, 5, #"\border\s+by\s+[0-9]{1,3}\s*(?:--|#|/\*)"#),
        WebRule(
            .sqlInjection, 3,
            #"\bselect\b[\s(]+(?:\*|count\s*\(|case\b|@@|null|char\(|top\s+[0-9]|[a-z_0-9.,*()]+\s+from\s+[a-z_.]+)"#),
        WebRule(.sqlInjection, 5, #"\bselect\s+\*\s+from\s+[a-z_.]+"#),
        WebRule(
            .sqlInjection, 5,
            #"\b(?:delete\s+from\s+[a-z_]|drop\s+(?:table|database|schema)\s+[a-z_]|insert\s+into\s+[a-z_.]+\s*[(v]|truncate\s+table\s+[a-z_]|update\s+[a-z_.]+\s+set\s+[a-z_]+\s*=)"#
        ),
        WebRule(.sqlInjection, 5, #"@@(?:version|datadir|hostname|servername|basedir|global|tmpdir|spid|langid)"#),
        WebRule(
            .sqlInjection, 4,
            #"\b(?:current_user|session_user|system_user|user|version|database|schema|current_setting|current_database)\s*\(\s*['")]"#
        ),
        WebRule(.sqlInjection, 5, #"\bcase\s+when\b[^\x01]+\bthen\b"#),
        WebRule(.sqlInjection, 5, #"\b(?:if|iif|ifnull|nullif|elt)\s*\([^,\x01]+(?:=|<|>|like)[^,\x01]*,[^,\x01]+"#),
        WebRule(
            .sqlInjection, 5,
            #"(?:\b(?:not\s+)?in|=|<|>|\bexists|\ball|\bany|,|\(|\blike|\bthen|\belse|\breturn)\s*\(+\s*select\b"#),
        WebRule(.sqlInjection, 5, #"'\s*(?:\|\||\+)\s*(?:'|\(|cha?r|[a-z_]+\()|(?:'|\))\s*(?:\|\||\+)\s*'"#),
        WebRule(
            .sqlInjection, 4,
            #"{^}[^=\x01]*=\s*-?[0-9]+['"%]?\)*\s+(?:or|and|order|group|having|union|limit|rlike|procedure|div|mod|where)\b"#
        ),
        WebRule(
            .sqlInjection, 5,
            #"{^}[^=\x01]*=\s*-?[0-9a-z]*['"]?\)+\s*(?:or|and|order|group|having|union|limit|rlike|procedure|where|as\s+[a-z]+\s+where)\b"#
        ),
        WebRule(.sqlInjection, 5, #"\bexec(?:ute)?\s*\(?\s*(?:xp_|sp_|master|immediate|char|@|')|\bdeclare\s+@"#),
        WebRule(.sqlInjection, 5, #"['"]\s*(?:=|<>|!=|<|>|\blike\b|\brlike\b|\bregexp\b|\bsounds\b)\s*['"]"#),
        WebRule(
            .sqlInjection, 5,
            #"\brlike\s*\(|\band\s+ascii\s*\(|\b(?:substr|substring|mid|ord|ascii|hex|unhex|bin|length|lpad)\s*\([^\x01]+\)\s*(?:=|<|>)"#
        ),
        WebRule(.sqlInjection, 5, #"0x[0-9a-f]{6,}\s*(?:,|\)|--|#|as\b|from\b)"#),
        WebRule(.sqlInjection, 5, #"\bas\s+[a-z]{2,8}\s+where\s+[0-9]+\s*=|\bwhere\s+[0-9]+\s*=\s*[0-9]+"#),
        WebRule(
            .noSQLInjection, 5,
            #"\[\$(?:ne|gt|gte|lt|lte|regex|where|in|nin|exists|or|eq|not)\]|['"]\$(?:where|ne|gt|gte|lt|regex|in|nin|or|exists|expr|function)['"]\s*:"#
        ),
        WebRule(
            .noSQLInjection, 5,
            #"['"]\s*(?:\|\||&&)\s*['"]?[0-9a-z]+['"]?\s*==|\bthis\.[a-z_]+\s*(?:==|\.match)|;\s*return\s+(?:true|1)|db\.[a-z]+\.(?:find|drop|insert|remove)"#
        ),
    ]

    private static let script: [WebRule] = [
        WebRule(
            .script, 5,
            #"<\s*/?\s*(?:[a-z]+:)?(?:script|iframe|object|embed|applet|meta|frameset|frame|svg|base|ilayer|layer|bgsound|math|isindex|xss|marquee|noembed|vmlframe)\b"#
        ),
        WebRule(
            .script, 5,
            #"<[^>\x01]+?(?:\s|/|['"])(?:src|href|background|dynsrc|lowsrc|action|formaction|style|srcdoc|data|code|size|xmlns|content|http-equiv|datasrc|seeksegmenttime|poster)\s*=\s*['"`]?\s*[^>\x01]*(?:script|expression|:|&\{|alert|import)"#
        ),
        WebRule(
            .script, 5,
            #"[\s"'`/<;]on(?:error|load[a-z]*|click|dblclick|mouse[a-z]+|focus[a-z]*|blur|key[a-z]+|submit|change|toggle|animation[a-z]+|transition[a-z]+|pointer[a-z]+|wheel|begin|end|repeat|resize|scroll[a-z]*|select[a-z]*|drag[a-z]*|drop|hashchange|page[a-z]+|unload|before[a-z]+|message|start|finish|bounce|input|invalid|auxclick|copy|cut|paste|touch[a-z]+|show|search|can[a-z]+|play[a-z]*|timeupdate|readystatechange|propertychange|abort|activate|contextmenu|popstate|storage|online|offline|webkit[a-z]+)\s*="#
        ),
        WebRule(
            .script, 5,
            #"j\s?a\s?v\s?a\s?s\s?c\s?r\s?i\s?p\s?t\s?:|v\s?b\s?s\s?c\s?r\s?i\s?p\s?t\s?:|livescript:|mocha:"#),
        WebRule(
            .script, 5,
            #"data:\s*(?:text/(?:html|javascript|xml)|image/svg|application/(?:x-)?javascript)|data:[^,\x01]*;base64,"#),
        WebRule(
            .script, 5,
            #"\b(?:document\s*\.\s*(?:cookie|write|location|domain|body|getelement|createelement|url)|document\s*\[|window\s*(?:\.\s*(?:location|name|open|onerror)|\[)|\.innerhtml|\.outerhtml|string\.fromcharcode|\.constructor\s*[(\[]|location\s*\.\s*(?:href|hash|replace|assign)|localstorage|sessionstorage|xmlhttprequest|globalthis|\.addeventlistener|settimeout\s*\(|setinterval\s*\()"#
        ),
        WebRule(
            .script, 5,
            #"(?:{^}|[^a-z_.])(?:alert|confirm|prompt|eval|atob|fetch|import|execscript|msgbox|console\.[a-z]+)\s*(?:\(|`|\[|\\u|&lpar)"#
        ),
        WebRule(
            .script, 5,
            #"expr\s?ession\s*\(|-moz-binding|@import\s*['"u]|behaviou?r\s*:\s*url|\bstyle\s*=\s*['"]?[^>\x01]*(?:expression|javascript|url\s*\()"#
        ),
        WebRule(
            .script, 5,
            #"&\{|<!\[cdata\[|<\?import|<\?xml|<!--[^\x01]*(?:script|-->)|\+adw-|<\s*img\b|<\s*body\b|<\s*(?:input|form|button|video|audio|details|textarea|keygen|select|table|td|xml|style|link|html|template|image|head|div|br|a|b|p|span|plaintext|label)\b[^>\x01]*="#
        ),
        WebRule(.script, 3, #"<\s*/?\s*[a-z][a-z0-9]*(?:\s[^>\x01]*)?/?\s*>"#),
        WebRule(.script, 5, #"\[\]\s*\[|\(\s*!\[\]\s*\+|\bself\s*\[|\btop\s*\[|\bparent\s*\[|\bframes\s*\["#),
        WebRule(.xxe, 5, #"<!entity\b|<!doctype[^>\x01]*(?:\[|system|public)|<!element\b|<xsl:|<xi:include"#),
    ]

    private static let files: [WebRule] = [
        WebRule(.traversal, 5, #"(?:\.\.+(?:[/\\]|0x2f|0x5c|%2f|%5c|%c0%af|%c1%9c|;)){2,}"#),
        WebRule(.traversal, 5, #"[/\\=]\.\.+(?:[/\\;]|0x2f|0x5c|{$})|\.\.[/\\]\.\.|\.{5,}|(?:[/\\]\.){4,}|\.\.;/"#),
        WebRule(
            .traversal, 5, #"\.\.+0x(?:2f|5c)|\.\.u221[56]|\.\.c0af|\.\.%|\.\.[/\\]+\{|[/\\]\.+[/\\]+\{file\}|\{file\}"#
        ),
        WebRule(
            .fileInclusion, 5, #"\b(?:php|phar|zip|expect|glob|netdoc|rar|ogg|compress\.zlib|compress\.bzip2|ssh2)://"#),
        WebRule(
            .fileInclusion, 5,
            #"{^}(?:page|file|path|include|inc|dir|document|folder|root|pg|style|pdf|template|doc|view|content|layout|mod|conf|cat|body|section|lang|theme|name|filename|option)[a-z_\[\]]{0,8}=\s*(?:https?|ftps?|ftp|smb|\\\\):?//?"#
        ),
        WebRule(.fileInclusion, 5, #"=\s*(?:https?|ftp)://[^\x01]+(?:\.(?:txt|php[0-9]?|inc|dat|jsp|asp)\??|\?){$}"#),
        WebRule(.traversal, 5, #"\x00"#),
        WebRule(
            .ssrf, 5,
            #"=\s*(?:https?|ftp):/*(?:[^/@\x01]*@)?(?:169\.254\.|127\.[0-9]|0\.0\.0\.0|0/|\[|10\.[0-9]|192\.168\.|172\.(?:1[6-9]|2[0-9]|3[01])\.|metadata\b|100\.100\.100\.200|0x7f|2130706433|0177\.|017700000001|127\.1|localhost|localtest\.me|[a-z0-9.-]*\.(?:nip\.io|xip\.io|sslip\.io|localtest\.me))"#
        ),
        WebRule(
            .ssrf, 5,
            #"\b(?:gopher|dict|ldaps?|tftp|sftp|jar|netdoc|file|rmi|jndi)://|latest/meta-data|computemetadata|metadata\.google|/metadata/(?:instance|v1)|opc/v[12]/instance"#
        ),
        WebRule(
            .ssrf, 5,
            #"\.(?:burpcollaborator\.net|oastify\.com|interact\.sh|oast\.(?:fun|pro|live|site|online|me)|dnslog\.cn|ceye\.io|requestbin\.|webhook\.site|ngrok\.io|bxss\.me|canarytokens\.com)"#
        ),
    ]

    private static let commands: [WebRule] = [
        WebRule(
            .command, 5,
            #"`\s*(?:/[a-z/]+/)?(?:true|false|id|ls|ps|uname|whoami|pwd|env|date)\s*`|{^}[^=\x01]*=\s*(?:id|ls|whoami|uname|pwd|ps)\s*[;|&]|\bping(?:\.exe)?\s+-[nci]\s*[0-9]"#
        ),
        WebRule(
            .command, 5,
            #"(?:;|\||&|\n|\$\(|`|<\(|>\()\s*\(*\s*(?:[a-z_]+=\S*\s+)?(?:/?(?:usr/)?(?:local/)?s?bin/)?(?:cat|whoami|uname|wget|curl|ncat?|netcat|bash|zsh|ksh|dash|python[0-9.]*|perl|ruby|php|ping6?|nslookup|dig|sleep|echo|printf|chmod|chown|ifconfig|ipconfig|netstat|powershell|certutil|tftp|telnet|crontab|printenv|systeminfo|tasklist|nid|traceroute|phpinfo|touch|mkdir|tee|gcc|socat|lsof|hostname|sudo|busybox|base64|xxd|awk|sed)(?:\.exe)?(?:\s|{$}|[;|&><`'")(/\\$+,-])"#
        ),
        WebRule(
            .command, 5,
            #"(?:[;|&`\n]|\$\()\s*(?:/?(?:usr/)?s?bin/)?(?:id|ls|ps|dir|type|net|sh|set|env|find|head|tail|rm|cp|mv|kill|pwd|cmd|reg|sc|at|w|who|nc|ssh|ftp|more|less|vi|df|du|exit)(?:\.exe)?\s*(?:[;|&`)>"]|\s-|\s?/|\s[a-z]:|{$})"#
        ),
        WebRule(.command, 5, #"(?:[=;|&`\s(]|{^})/?(?:usr/)?(?:local/)?s?bin/[a-z]+\b"#),
        WebRule(
            .command, 5,
            #"\bcmd(?:\.exe)?\s*[/\\]\s*[ckr]\b|cmd\.exe|root\.exe|powershell(?:\.exe)?\s+-|\bnc\s+-[elpnv]|/dev/(?:tcp|udp)/|\$\{?ifs\b|\(\)\s*\{\s*[:_]|\bping\s+-[nci]\s|dir[+\s]+[a-z]:|\bwget\s+http|\bcurl\s+(?:-|http)|\brm\s+-rf?\b|\bchmod\s+[0-7+]|\buname\s+-a|\bcat\s+/|>\s*/(?:tmp|dev|etc)/"#
        ),
        WebRule(
            .command, 5,
            #"\b(?:system|passthru|shell_exec|proc_open|popen|pcntl_exec|assert|preg_replace|base64_decode|phpinfo|call_user_func(?:_array)?|file_(?:get|put)_contents|fopen|readfile|create_function|include(?:_once)?|require(?:_once)?|str_rot13|gzinflate|unserialize|var_dump|print_r|exec|os\.(?:system|popen)|subprocess\.[a-z]+|child_process|runtime\.exec|getruntime)\s*\("#
        ),
        // PHP of its own: what ends a script or shows something, with a call inside, or behind what closes a text before it.
        WebRule(
            .command, 5,
            #"\b(?:exit|die|echo|print|printf|return|print_r|var_dump|var_export|eval)\s*\(?\s*@?(?:md5|sha1|crc32|base64_(?:de|en)code|hex2bin|bin2hex|strrev|str_rot13|phpversion|php_uname|get_current_user|getcwd|sys_get_temp_dir|ini_get|scandir|highlight_file|show_source|chr)\s*\("#
        ),
        WebRule(
            .command, 5,
            #"['"`;.]\s*@?(?:exit|die|print|echo|printf|return)\s*(?:\(\s*(?:['"]?[0-9a-z_]*['"]?|-?[0-9]+(?:\s*[*+.-]\s*-?[0-9]+)+)\s*\)|['"]?[0-9]+['"]?\s*[*+.]\s*['"]?[0-9]+['"]?)\s*;\s*(?://|#|\?>|['"]|{$})|\$\{\s*@?(?:print|echo|eval|exit|die|phpinfo|system|passthru|assert)\b"#
        ),
        WebRule(
            .command, 5,
            #"<\?(?:php\b|=)|<%[^\x01]*%>|<!--#\s*(?:exec|include|echo|config|printenv|set|flastmod)|\$_(?:get|post|request|cookie|server|files|session)\b|allow_url_include|auto_prepend_file|safe_mode\s*="#
        ),
    ]

    private static let others: [WebRule] = [
        WebRule(
            .template, 5,
            #"\{\{[^\x01]*(?:[0-9]\s*[*+-]\s*['"]?[0-9]|config|self\b|request\b|__|constructor|lipsum|cycler|joiner|namespace|range|process|settings|app\.|\|\s*(?:attr|join|map|filter|system)|this\.|_\.|dump)[^\x01]*\}\}"#
        ),
        WebRule(
            .template, 5,
            #"[$#*@%]\{\s*[^\x01]*(?:[0-9]\s*[*+]\s*[0-9]|t\s*\(|runtime|system\b|class|process|exec|param\.|request|session|pagecontext|applicationscope|\.get)|\{%[^\x01]+%\}|__(?:class|mro|subclasses|globals|builtins|import|init|base)__|<#assign|freemarker|#set\s*\(\s*\$|\$class\.inspect|\{php\}|\{\$smarty"#
        ),
        WebRule(
            .log4shell, 5,
            #"\$\{\s*(?:jndi|lower|upper|env|sys|date|ctx|main|java|base64|bundle|docker|k8s|kubernetes|log4j|map|marker|sd|spring|web)?\s*:|\$\{\$\{|jndi\s*:\s*(?:ldaps?|rmi|dns|iiop|corba|nds|https?|\$)|\$\{::-"#
        ),
        WebRule(
            .deserialization, 5,
            #"\bro0ab|aced0005|[oc]:[0-9]+:\\?"[a-z_\\]+\\?":[0-9]+:\{|\ba:[0-9]+:\{[is]:|!!(?:python|javax|java|ruby)|!ruby/|java\.lang\.(?:runtime|processbuilder|system|thread|class)|\bognl\b|%\{\(?#|#_memberaccess|class\.module\.classloader|class\[?['"]?\]?\.?classloader|xmldecoder|"@type"\s*:|com\.sun\.|org\.apache\.(?:commons|xalan|struts|tomcat)|\$type"\s*:|redirect:\$|objectdataprovider|pickle\.loads|c__builtin__|cos\nsystem"#
        ),
        WebRule(
            .ldap, 5,
            #"\*\)\s*\(|\)\s*\(\s*[|&!]|\(\s*[|&]\s*\(|\)\)\s*\(|\*\)+%?00|\)\s*\(\s*(?:uid|cn|mail|objectclass|userpassword|samaccountname)\s*="#
        ),
        WebRule(
            .xpath, 5,
            #"\b(?:count|position|string-length|name|normalize-space|substring|local-name|contains|last)\s*\(\s*(?:/|\*|\.\./|/\*|\))\s*[^\x01]*(?:=|\[|\))|/\*\[|\]\s*\|\s*/|/(?:child|parent|ancestor|descendant|following|preceding|self|attribute)::"#
        ),
        WebRule(
            .splitting, 5,
            #"\n\s*(?:set-cookie|location|content-(?:type|length|disposition)|http/[0-9](?:\.[0-9])?|host|refresh|x-[a-z-]+|access-control-[a-z-]+|transfer-encoding|bcc|cc|to|from|subject|mime-version)\s*(?::|\s[0-9]{3})"#
        ),
    ]
    private static let bare: [WebRule] = [
        WebRule(
            .sensitiveFile, 5,
            #"\b(?:etc[/\\]+(?:\.?[/\\]*)(?:passwd|shadow|group|hosts|issue|ssh|crontab|sudoers|fstab|resolv\.conf|nginx|apache2?|mysql|my\.cnf|httpd|motd|profile|environment|os-release|security)|proc[/\\](?:self|version|cpuinfo|cmdline|mounts|[0-9]+[/\\](?:environ|cmdline|maps|fd))|boot\.ini|win\.ini|system\.ini|windows[/\\](?:system32|repair|win\.ini|temp)|winnt[/\\]|sam\.bak|inetpub|global\.asax?|web-?inf|meta-?inf)"#
        ),
        WebRule(
            .sensitiveFile, 5,
            #"(?:[/\\]|=)\.(?:env|git|svn|hg|ssh|aws|docker|kube|htpasswd|htaccess|bash_history|bashrc|npmrc|pgpass|mysql_history|ds_store|idea|vscode|netrc|gnupg|config)(?:[./_\\-]|{$})|id_(?:rsa|dsa|ed25519)|wp-config\.|php\.ini|httpd\.conf|nginx\.conf|my\.cnf|pg_hba\.conf|authorized_keys|web\.config|appsettings\.json|database\.yml|secrets\.yml|\.pem{$}"#
        ),
        WebRule(
            .sensitiveFile, 5,
            #"\.(?:bak|old|orig|save|swp|swo|sql|inc|mdb|dbf|asa|asax|backup|config|ini|pgdump|dump|key|nsf|ida|idq|htr|printer)(?:~|\.gz|\.zip)?{$}|~{$}"#
        ),
        WebRule(
            .webShell, 5,
            #"(?:{^}|[/\\])(?:c99|r57|wso[0-9.]*|b374k|webshell|alfa[a-z-]*|shell|cmd|backdoor|eval-stdin|indoxploit|adminer|weevely|antsword|behinder|godzilla|c100|locus|phpspy|aspxspy|jspspy)\.(?:php[0-9]?|phtml|jspx?|aspx?|ashx|cfm|cgi|pl)\b"#
        ),
        WebRule(
            .webShell, 5,
            #"{^}(?:cmd|exec|command|execute|shell|cmnd)=\s*(?:id|ls|dir|whoami|cat|uname|pwd|net|ipconfig|ifconfig|wget|curl|type|echo|ps|sh|bash|python|perl|nc)\b"#
        ),
        WebRule(
            .probe, 5,
            #"/_vti_(?:bin|pvt|cnf|inf|adm)|/msadc/|/iisadmpwd|/iissamples|msadcs\.dll|/scripts/(?:\.\.|root|tools|iisadmin)|fpcount\.exe|shtml\.(?:dll|exe)|/cgi-bin/(?:php|test-cgi|phf|\.\.|bash|status|printenv)|/hnap1|/boaform|/gponform|/setup\.cgi|/currentsetting\.htm|/solr/admin|/manager/html|/jmx-console|/invoker/|/actuator/(?:env|heapdump|gateway|jolokia)|/_ignition|/vendor/phpunit|/wls-wsat|/console/css|/owa/auth/|/autodiscover/|/ecp/|/remote/fgt_lang|/dana-na|/tmui/|/mgmt/tm|/cgi/login|/struts2|/druid/|/phpunit/|/telescope/|/server-status|/debug/default|/\.well-known/\.\."#
        ),
    ]
}
