import { NotSupportedError } from '../errors.ts';

export type GateLanguage = 'node' | 'ruby' | 'python';

/** What a closed side asks Redis for; a closed user may read it. */
export interface Gate {
  language: GateLanguage;
  /** The key that is `1` once the side is open. */
  key: string;
}

/**
 * A worker's command behind a wait: it starts when the key says that the side is open. Only the application's own
 * language and its standard library are used, as an image need hold nothing else. Rights alone are not enough: some
 * workers write to Redis while they boot and die behind a closed one (facts of Sidekiq).
 */
export function waitUntilOpen(command: string, gate: Gate): string {
  return [
    // The shell is the container's first process: without a trap it would ignore SIGTERM until it is killed.
    `trap 'kill $! 2>/dev/null; exit 143' TERM INT`,
    `${look(gate)} wait & wait $! || exit $?`,
    'trap - TERM INT',
    inItsPlace(command),
  ].join('; ');
}

/**
 * A scheduled command that ends at once with success while the side is closed, so nothing fires twice. When Redis gives
 * no answer it fails instead: a run that was skipped in silence would be lost.
 */
export function skipUnlessOpen(command: string, gate: Gate): string {
  return [
    `${look(gate)} once`,
    `case $? in 0) ${inItsPlace(command)} ;; 3) echo "not open yet: skipped"; exit 0 ;; *) exit 1 ;; esac`,
  ].join('; ');
}

/** Words that only a shell understands; `exec` is the user's own. */
const SHELL_WORDS =
  /^(\.|:|!|\{|\[\[|alias|case|cd|eval|exec|export|for|if|read|set|source|trap|ulimit|umask|unset|until|while)$/;

/**
 * The command in place of the shell: a platform tells only the first process of a container to end, and a shell in
 * between (Debian's stays even for a single command) would not pass that on, so that a worker's jobs are killed instead
 * of pushed back. A line of several commands keeps its shell, unless its author writes `exec`.
 */
function inItsPlace(command: string): string {
  // `env`, since a command may begin with variables of its own.
  return `exec sh -c ${quote(isOneCommand(command) ? `exec env ${command}` : command)}`;
}

/** Whether the line is a single program with its arguments, which can take the shell's place. */
export function isOneCommand(command: string): boolean {
  const [first = ''] = command.replace(/^\s*(\w+=\S*\s+)*/, '').split(/\s/);
  return !/[;&|()`\n]/.test(command) && !SHELL_WORDS.test(first);
}

function look(gate: Gate): string {
  switch (gate.language) {
    case 'node':
      return `node --input-type=commonjs -e ${quote(nodeScript(gate.key))}`;
    case 'ruby':
      return `ruby -e ${quote(rubyScript(gate.key))}`;
    case 'python':
      return `python3 -c ${quote(pythonScript(gate.key))}`;
    default:
      throw new NotSupportedError(
        'Workers can wait for the switch in Node, Ruby and Python only: set `language` in migration.yml.',
      );
  }
}

// Each script: connect with TLS to REDIS_URL (verified when REDIS_CA_CERT is set), AUTH, GET, QUIT; a line "1" in the
// answers means open. "wait" looks every second until it is; "once" exits with 0 open, 3 closed, 1 no answer.

function nodeScript(key: string): string {
  return [
    'const t=require("tls"),e=process.env,u=new URL(e.REDIS_URL),d=decodeURIComponent;',
    'const look=()=>new Promise(r=>{let b="";',
    'const s=t.connect({host:u.hostname,port:Number(u.port||6379),ca:e.REDIS_CA_CERT||undefined,',
    'servername:e.REDIS_TLS_SERVERNAME||undefined,rejectUnauthorized:!!e.REDIS_CA_CERT});',
    `s.setTimeout(5000,()=>s.destroy());`,
    `s.on("secureConnect",()=>s.write("AUTH "+d(u.username)+" "+d(u.password)+"\\r\\nGET ${key}\\r\\nQUIT\\r\\n"));`,
    's.on("data",c=>b+=c);s.on("error",()=>{});',
    's.on("close",()=>{const l=b.split("\\r\\n");r(l[0]!=="+OK"||l.length<3?1:l.includes("1")?0:3)})});',
    '(async()=>{if(process.argv[1]==="once")process.exit(await look());',
    'console.log("waiting until this side is open");',
    'while(await look())await new Promise(r=>setTimeout(r,1000))})()',
  ].join('');
}

function rubyScript(key: string): string {
  return [
    'require "uri";require "socket";require "openssl";STDOUT.sync=true;u=URI(ENV["REDIS_URL"]);ca=ENV["REDIS_CA_CERT"].to_s;',
    'n=ENV["REDIS_TLS_SERVERNAME"].to_s;n=u.host if n.empty?;',
    'look=lambda{begin;c=OpenSSL::SSL::SSLContext.new;',
    'unless ca.empty?;c.cert_store=OpenSSL::X509::Store.new.tap{|x|x.add_cert(OpenSSL::X509::Certificate.new(ca))};',
    'c.verify_mode=OpenSSL::SSL::VERIFY_PEER;end;',
    's=OpenSSL::SSL::SSLSocket.new(Socket.tcp(u.host,u.port||6379,connect_timeout:5),c);s.sync_close=true;s.hostname=n;s.connect;',
    's.post_connection_check(n) unless ca.empty?;',
    `s.write("AUTH "+URI.decode_www_form_component(u.user.to_s)+" "+URI.decode_www_form_component(u.password.to_s)+"\\r\\nGET ${key}\\r\\nQUIT\\r\\n");`,
    'b="".dup;begin;loop{b<<s.readpartial(4096)};rescue EOFError,OpenSSL::SSL::SSLError;end;s.close;',
    'l=b.split("\\r\\n");l[0]!="+OK"||l.size<2 ? 1 : (l.include?("1") ? 0 : 3);rescue StandardError;1;end};',
    'exit(look.call) if ARGV[0]=="once";puts "waiting until this side is open";sleep 1 until look.call==0',
  ].join('');
}

function pythonScript(key: string): string {
  return [
    'import os,ssl,socket,sys,time',
    'from urllib.parse import urlparse,unquote',
    'e=os.environ;u=urlparse(e["REDIS_URL"]);ca=e.get("REDIS_CA_CERT")',
    'def look():',
    ' try:',
    '  c=ssl.create_default_context(cadata=ca) if ca else ssl._create_unverified_context()',
    '  s=c.wrap_socket(socket.create_connection((u.hostname,u.port or 6379),5),server_hostname=e.get("REDIS_TLS_SERVERNAME") or u.hostname)',
    `  s.sendall(("AUTH "+unquote(u.username or "")+" "+unquote(u.password or "")+"\\r\\nGET ${key}\\r\\nQUIT\\r\\n").encode())`,
    '  b=b""',
    '  while True:',
    '   d=s.recv(4096)',
    '   if not d: break',
    '   b+=d',
    '  l=b.decode().split("\\r\\n")',
    '  return 1 if l[0]!="+OK" or len(l)<3 else 0 if "1" in l else 3',
    ' except Exception: return 1',
    'if sys.argv[1]=="once": sys.exit(look())',
    'print("waiting until this side is open",flush=True)',
    'while look(): time.sleep(1)',
  ].join('\n');
}

/** One word for the shell, whatever it holds. */
function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
