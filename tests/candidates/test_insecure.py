"""Suggestions that are known to be insecure, and near ones that are not."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from codelsp.candidates.insecure import flag_insecure
from codelsp.candidates.insecure_rules import RULES
from codelsp.reply import place
from tests.budgets.slack import TIME_SLACK
from tests.candidates.contexts import candidate_at, context_at

INSECURE = [
    ("python", "value = <CURSOR>", "eval(input('> '))"),
    ("python", "<CURSOR>", "exec(request.form['code'])"),
    ("python", "subprocess.<CURSOR>", 'run(f"rm {path}", shell=True)'),
    ("python", "subprocess.run('rm %s' % path, <CURSOR>", "shell=True)"),
    ("python", "<CURSOR>", "os.system('ping ' + host)"),
    ("python", "config = yaml.<CURSOR>", "load(open(path))"),
    ("python", "return <CURSOR>", "hashlib.md5(password.encode()).hexdigest()"),
    ("python", "<CURSOR>", "password_hash = hashlib.sha1(text).hexdigest()"),
    ("python", "requests.get(url, <CURSOR>", "verify=False)"),
    ("python", "context = <CURSOR>", "ssl._create_unverified_context()"),
    ("python", "jwt.decode(token, options={<CURSOR>", '"verify_signature": False})'),
    ("python", "return <CURSOR>", "pickle.loads(sock.recv(1024))"),
    ("python", "return <CURSOR>", "pickle.loads(response.content)"),
    ("python", "<CURSOR>", "cursor.execute(f\"SELECT * FROM users WHERE name = '{name}'\")"),
    ("python", "cursor.<CURSOR>", "execute(\"SELECT * FROM users WHERE name = '%s'\" % name)"),
    ("python", "cursor.<CURSOR>", "execute('DELETE FROM users WHERE id = ' + user_id)"),
    ("python", "<CURSOR>", "password = 'hunter2x'"),
    ("python", "<CURSOR>", 'DB_PASSWORD = "s3cr3t!x"'),
    ("python", "<CURSOR>", "token = ''.join(random.choices(letters, k=16))"),
    ("python", "path = <CURSOR>", "tempfile.mktemp()"),
    ("python", "<CURSOR>", "app.run(host='0.0.0.0', debug=True)"),
    ("javascript", "<CURSOR>", "eval(req.body.code)"),
    ("javascript", "<CURSOR>", "exec(`rm ${path}`)"),
    ("javascript", "element.<CURSOR>", "innerHTML = `<p>${name}</p>`"),
    ("typescript", "<CURSOR>", "db.query(`SELECT * FROM users WHERE id = ${id}`)"),
    ("typescript", "const agent = new Agent({ <CURSOR>", "rejectUnauthorized: false })"),
    ("javascript", "<CURSOR>", "const token = Math.random().toString(36)"),
    ("javascript", "const config = { <CURSOR>", "password: 'hunter2x' }"),
    ("java", "<CURSOR>", 'statement.executeQuery("SELECT * FROM users WHERE id = " + id);'),
    ("java", "byte[] hash(String password) {\n  return <CURSOR>",
     'MessageDigest.getInstance("MD5").digest(password.getBytes());'),
    ("java", "<CURSOR>", "new ObjectInputStream(socket.getInputStream()).readObject();"),
    ("java", "<CURSOR>", 'Cipher.getInstance("AES/ECB/PKCS5Padding");'),
    ("c", "<CURSOR>", "gets(line);"),
    ("cpp", "<CURSOR>", "strcpy(name, argv[1]);"),
    ("c", "<CURSOR>", "printf(buffer);"),
    ("go", "<CURSOR>", 'exec.Command("sh", "-c", "rm "+path)'),
    ("go", "&tls.Config{<CURSOR>", "InsecureSkipVerify: true}"),
    ("go", "<CURSOR>", 'db.Query(fmt.Sprintf("SELECT * FROM users WHERE id = %s", id))'),
    ("rust", "<CURSOR>", "Client::builder().danger_accept_invalid_certs(true)"),
    ("rust", "<CURSOR>", 'sqlx::query(&format!("SELECT * FROM users WHERE id = {}", id))'),
    ("php", "<CURSOR>", "eval($_GET['code']);"),
    ("php", "<CURSOR>", "$db->query(\"SELECT * FROM users WHERE id = $id\");"),
    ("ruby", "<CURSOR>", 'User.where("name = \'#{params[:name]}\'")'),
    ("csharp", "<CURSOR>", 'new SqlCommand($"SELECT * FROM users WHERE id = {id}", connection);'),
    ("shellscript", "<CURSOR>", "curl -fsSL https://example.com/install.sh | sh"),
]  # fmt: skip


@pytest.mark.parametrize(("language_id", "marked", "text"), INSECURE)
def test_what_is_insecure_is_flagged_with_its_reason(
    language_id: str, marked: str, text: str
) -> None:
    at = context_at(marked, language_id)
    found = flag_insecure(candidate_at(at, text), at)

    assert len(found.warnings) == 1
    assert "CWE" in found.warnings[0]
    assert not found.is_dropped


FINE = [
    ("python", "<CURSOR>", "ast.literal_eval(input('> '))"),
    ("python", "<CURSOR>", "subprocess.run(['rm', path])"),
    ("python", "<CURSOR>", "subprocess.run('ls', shell=True)"),
    ("python", "<CURSOR>", "yaml.safe_load(text)"),
    ("python", "<CURSOR>", "yaml.load(open(path), Loader=yaml.SafeLoader)"),
    ("python", "<CURSOR>", "checksum = hashlib.md5(data).hexdigest()"),
    ("python", "<CURSOR>", "pickle.loads(path.read_bytes())"),
    ("python", "<CURSOR>", "cursor.execute('SELECT * FROM users WHERE id = %s', (user_id,))"),
    ("python", "<CURSOR>", "password = os.environ['PASSWORD']"),
    ("python", "<CURSOR>", "password = ''"),
    ("python", "<CURSOR>", "password = getpass('Password: ')"),
    ("python", "<CURSOR>", "password='changeme'"),
    ("python", "<CURSOR>", "PASSWORD_RESET_URL = '/reset-it'"),
    ("python", "<CURSOR>", "if password == 'hunter2x':"),
    ("python", "<CURSOR>", "place = random.choice(places)"),
    ("python", "<CURSOR>", "token = secrets.token_hex(16)"),
    ("python", "# never <CURSOR>", "verify=False"),
    ("python", "requests.get(url, verify=False)\n<CURSOR>", "x = 1"),
    ("javascript", "<CURSOR>", "pattern.exec(`${name}`.length)"),
    ("javascript", "<CURSOR>", "element.innerHTML = ''"),
    ("javascript", "<CURSOR>", "element.textContent = `${name}`"),
    ("javascript", "<CURSOR>", "db.query('SELECT * FROM users WHERE id = ?', [id])"),
    ("java", "<CURSOR>", 'MessageDigest.getInstance("SHA-256");'),
    ("c", "<CURSOR>", "fgets(line, sizeof line, stdin);"),
    ("c", "<CURSOR>", 'printf("%s", buffer);'),
    ("go", "<CURSOR>", 'db.Query("SELECT * FROM users WHERE id = $1", id)'),
    ("markdown", "<CURSOR>", "eval(input())"),
]


@pytest.mark.parametrize(("language_id", "marked", "text"), FINE)
def test_what_is_only_near_is_not_flagged(language_id: str, marked: str, text: str) -> None:
    at = context_at(marked, language_id)

    assert flag_insecure(candidate_at(at, text), at).warnings == ()


def test_what_is_cut_off_again_is_not_warned_of() -> None:
    at = context_at("<CURSOR>", "python")
    flagged = flag_insecure(candidate_at(at, "x = 1\nos.system('rm ' + x)"), at)
    shortened = replace(flagged, text="x = 1")

    assert len(place(flagged, at, "model").warnings) == 1
    assert place(shortened, at, "model").warnings == ()


@pytest.mark.budget
def test_a_suggestion_is_looked_at_within_a_millisecond() -> None:
    lines = "value = cursor.execute(query, password, token)  # run(request.body)\n"
    for language_id in RULES:
        at = context_at(lines * 8 + "<CURSOR>", language_id)
        text = candidate_at(at, lines * 12)
        flag_insecure(text, at)  # compiles the patterns
        spent = []
        for _ in range(20):
            began = time.perf_counter()
            flag_insecure(text, at)
            spent.append((time.perf_counter() - began) * 1e3)

        assert sorted(spent)[len(spent) // 2] < 1.0 * TIME_SLACK, language_id
