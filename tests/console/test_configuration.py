"""posterm.toml: `posterm init` writes it, `load_configuration` reads it, and a fault names file and key."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posterm.console.configuration import Configuration, HostSettings, HsmSettings, TerminalSettings, load_configuration
from posterm.console.errors import ConfigurationError

TEST_KEY = "0123456789ABCDEFFEDCBA9876543210"


def test_without_a_file_the_defaults_hold(tmp_path):
    assert load_configuration(directory=tmp_path) == Configuration(data_directory=tmp_path / "posterm-data")


def test_what_init_writes_are_the_defaults_and_every_key(posterm, tmp_path):
    result = posterm("init", str(tmp_path))
    assert (result.exit_code, result.stdout) == (0, f"wrote {tmp_path / 'posterm.toml'}\n")
    assert load_configuration(directory=tmp_path) == Configuration(data_directory=tmp_path / "posterm-data")
    text = (tmp_path / "posterm.toml").read_text("utf-8")
    for model in (Configuration, HostSettings, TerminalSettings, HsmSettings):
        for key in model.model_fields:
            assert f"\n{key} = " in text or f"\n[{key}]\n" in text


def test_init_writes_into_the_working_directory(posterm, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert posterm("init").stdout == "wrote posterm.toml\n"
    assert load_configuration().data_directory == tmp_path / "posterm-data"


def test_init_does_not_write_over_a_file_unless_forced(posterm, tmp_path):
    target = tmp_path / "mine.toml"
    target.write_text("language = 'zh'", "utf-8")
    refused = posterm("init", str(target))
    assert refused.exit_code == 2
    assert refused.stderr == f"error: {target} is there already\nhint: --force writes over it\n"
    assert load_configuration(target).language == "zh"
    assert posterm("init", str(target), "--force").exit_code == 0
    assert load_configuration(target).language == "en"


def test_init_says_why_it_cannot_write(posterm, tmp_path):
    result = posterm("init", str(tmp_path / "nowhere" / "posterm.toml"))
    assert result.exit_code == 2
    assert result.stderr.startswith("error: cannot write ")
    assert len(result.stderr.splitlines()) == 1


def test_the_default_components_give_the_test_key():
    combined = 0
    for component in Configuration().terminal.tmk_components:
        combined ^= int(component, 16)
    assert combined == int(TEST_KEY, 16)


def test_keys_and_passwords_do_not_show():
    shown = repr(Configuration()) + str(Configuration())
    terminal = Configuration().terminal
    hidden = (*terminal.tmk_components, terminal.supervisor_password, terminal.manager_password)
    assert not any(value in shown for value in hidden)


def test_paths_are_relative_to_the_file(tmp_path, monkeypatch):
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "acquirer.toml").write_text('derive = "default"\nname = "mine"\n', "utf-8")
    (tmp_path / "shop" / "test.lmk").touch()
    (tmp_path / "shop" / "my.toml").write_text(
        'profile = "acquirer.toml"\ndata_directory = "data"\n[hsm]\nlmk = "test.lmk"\n', "utf-8"
    )
    monkeypatch.chdir(tmp_path)
    configuration = load_configuration(Path("shop/my.toml"))
    assert configuration.data_directory == tmp_path / "shop" / "data"
    assert configuration.profile == str(tmp_path / "shop" / "acquirer.toml")
    assert configuration.hsm.lmk == str(tmp_path / "shop" / "test.lmk")


def test_the_named_file_wins_over_the_one_that_is_there(tmp_path):
    (tmp_path / "posterm.toml").write_text("language = 'zh'", "utf-8")
    (tmp_path / "other.toml").write_text("[host]\nport = 0\n", "utf-8")
    assert load_configuration(directory=tmp_path).language == "zh"
    other = load_configuration(tmp_path / "other.toml", directory=tmp_path)
    assert (other.language, other.host.port) == ("en", 0)


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "localhost", "host.example.com", "posp_1", "a" * 63 + ".cn"])
def test_an_address_is_an_ip_address_or_a_name(address):
    assert HostSettings(address=address).address == address


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("foo = 1", "foo: no such key"),
        ("[host]\nports = 1", "host.ports: no such key"),
        ("[terminal.x]", "terminal.x: no such key"),
        ("[merchant]", "merchant: no such key"),
        ("host = 1", "host: need a table"),
        ("language = 'de'", "language: input should be 'zh' or 'en'"),
        ("profile = ''", "profile: "),
        ("profile = 'nobody'", "profile: no acquirer profile 'nobody'"),
        ("profile = 'nobody.toml'", "profile: cannot read the acquirer profile"),
        ("data_directory = 'fault.toml'", "data_directory: need a directory, have a file"),
        ("data_directory = 5", "data_directory: "),
        ("[host]\nport = 65536", "host.port: input should be less than or equal to 65535"),
        ("[host]\nport = -1", "host.port: input should be greater than or equal to 0"),
        ("[host]\nport = 'http'", "host.port: input should be a valid integer"),
        ("[host]\nforced_outcomes = 'maybe'", "host.forced_outcomes: "),
        ("[host]\nca_keys = 'nowhere.toml'", "host.ca_keys: need a file, have no file"),
        ("[host]\napplications = 'nowhere.toml'", "host.applications: need a file, have no file"),
        ("[host]\nstore = 'mysql://me:word@db'", "host.store: need "),
        ("[host]\naddress = ''", "host.address: need an IP address or a host name"),
        ("[host]\naddress = '10.0.0'", "host.address: need an IP address or a host name"),
        ("[host]\naddress = '256.1.1.1'", "host.address: need an IP address or a host name"),
        ("[host]\naddress = 'two words'", "host.address: need an IP address or a host name"),
        ("[host]\naddress = 'http://host'", "host.address: need an IP address or a host name"),
        ("[host]\naddress = 'host:8583'", "host.address: need an IP address or a host name"),
        ("[terminal]\nhost_port = 0", "terminal.host_port: "),
        ("[terminal]\nterminal_id = '1'", "terminal.terminal_id: need text of the form"),
        ("[terminal]\nmerchant_id = '1'", "terminal.merchant_id: need text of the form"),
        ("[terminal]\nmerchant_name = ''", "terminal.merchant_name: need 1 to 40 bytes"),
        ("[terminal]\nmerchant_name = '" + "商" * 21 + "'", "terminal.merchant_name: need 1 to 40 bytes"),
        ('[terminal]\nmerchant_name = "a\\u001b[2J"', "terminal.merchant_name: need 1 to 40 bytes"),
        ("[terminal]\nserial = ''", "terminal.serial: need text of the form"),
        ("[terminal]\npaper_columns = 40", "terminal.paper_columns: input should be 32 or 48"),
        ("[terminal]\ntmk_components = []", "terminal.tmk_components: "),
        ("[terminal]\ntmk_components = ['" + "11" * 16 + "']", "terminal.tmk_components: "),
        ("[terminal]\ntmk_components = ['" + "11" * 16 + "', '11']", "terminal.tmk_components.1: need 16 bytes"),
        ("[terminal]\ntmk_components = ['" + "11" * 16 + "', '" + "11" * 16 + "']", "components cancel out"),
        ("[terminal]\noperator = '1'", "terminal.operator: need text of the form"),
        ("[terminal]\noperator = '99'", "terminal.operator: need a cashier"),
        ("[terminal]\noperator_password = '123'", "terminal.operator_password: need text of the form"),
        ("[terminal]\nmanager_password = '123456789'", "terminal.manager_password: need text of the form"),
        ("[hsm]\nlmk = 'nowhere.lmk'", 'hsm.lmk: need "test" or a file'),
        ("[hsm]\nlmk = ''", "hsm.lmk: "),
        ("language", "not TOML in UTF-8"),
        ("x = " + "[" * 5000, "not TOML in UTF-8"),
    ],
)
def test_a_fault_names_file_and_key(tmp_path, text, says):
    path = tmp_path / "fault.toml"
    path.write_text(text, "utf-8")
    with pytest.raises(ConfigurationError) as caught:
        load_configuration(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_fault_does_not_repeat_a_component_or_password(tmp_path):
    path = tmp_path / "fault.toml"
    for text in ("tmk_components = ['ABCDEF', '12']", "manager_password = '123456789'", "operator_password = 7777"):
        path.write_text(f"[terminal]\n{text}\n", "utf-8")
        with pytest.raises(ConfigurationError) as caught:
            load_configuration(path)
        assert not any(secret in str(caught.value) for secret in ("ABCDEF", "123456789", "7777"))


def test_a_file_that_is_not_there_leads_to_init(tmp_path):
    with pytest.raises(ConfigurationError, match="no such file") as caught:
        load_configuration(tmp_path / "posterm.toml")
    assert "posterm init" in caught.value.hint


@pytest.mark.parametrize("content", [b"\xff\xfe", b"\x00", b"#" * 1_000_001], ids=["no-utf-8", "nul", "too-long"])
def test_bytes_that_are_no_configuration_are_refused(tmp_path, content):
    path = tmp_path / "posterm.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigurationError):
        load_configuration(directory=tmp_path)


@given(st.text(max_size=60))
def test_any_text_is_a_configuration_or_our_error(tmp_path_factory, text):
    path = tmp_path_factory.getbasetemp() / "any.toml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        load_configuration(path)
    except ConfigurationError as error:
        said = str(error)
    else:
        said = f"{path}: "
    assert said.startswith(f"{path}: ")


def test_the_address_of_the_store_does_not_show_its_password(tmp_path):
    (tmp_path / "posterm.toml").write_text("[host]\nstore = 'postgresql://me:secretword@db/pos'", "utf-8")
    configuration = load_configuration(directory=tmp_path)
    assert configuration.host.store == "postgresql://me:secretword@db/pos"
    assert "secretword" not in repr(configuration)
