using Macro.Core;

namespace Macro.WireGuard.Tests.Devices;

public class UapiTests
{
    const string Private = "e84b5a6d2717c1003a13b431570353dbaca9146cf150c5f8575680feba52027a";
    const string Psk = "188515093e952f5f22e865cef3012e72f8b5f0b598ac0309d5dacce3b70fcf52";
    const string Bob = "b85996fecc9c7f1fc6d2572a76eda11d59bcd20be8e543b15ce4bd85a8e75a33";
    const string Carol = "58402e695ba1772b1cc9309755f043251ea77fdcf10fbe63989ceb7e19321376";

    readonly Device _device = new(new Simulation.SeededRandom(1));

    /// <summary>The example of https://www.wireguard.com/xplatform/, slightly shortened.</summary>
    [Fact]
    public void The_example_of_the_specification_is_set_and_got()
    {
        Assert.Equal("errno=0\n\n", Set(
            $"private_key={Private}", "fwmark=0", "listen_port=12912", "replace_peers=true",
            $"public_key={Bob}", "replace_allowed_ips=true", $"preshared_key={Psk}", "endpoint=[abcd:23::33]:51820", "allowed_ip=192.168.4.4/32",
            $"public_key={Carol}", "endpoint=182.122.22.19:3233", "persistent_keepalive_interval=111", "replace_allowed_ips=true",
            "allowed_ip=192.168.4.6/32", "allowed_ip=192.168.4.0/24"));

        Assert.Equal(
            $"private_key={Private}\nlisten_port=12912\n"
            + $"public_key={Bob}\npreshared_key={Psk}\nprotocol_version=1\nendpoint=[abcd:23::33]:51820\n"
            + "last_handshake_time_sec=0\nlast_handshake_time_nsec=0\ntx_bytes=0\nrx_bytes=0\npersistent_keepalive_interval=0\nallowed_ip=192.168.4.4/32\n"
            + $"public_key={Carol}\npreshared_key={new string('0', 64)}\nprotocol_version=1\nendpoint=182.122.22.19:3233\n"
            + "last_handshake_time_sec=0\nlast_handshake_time_nsec=0\ntx_bytes=148\nrx_bytes=0\npersistent_keepalive_interval=111\n"
            + "allowed_ip=192.168.4.6/32\nallowed_ip=192.168.4.0/24\nerrno=0\n\n",
            Uapi.Handle(_device, "get=1\n\n", Pair.Start));
    }

    [Theory]
    [InlineData("get=2\n\n", Uapi.ProtocolError)]
    [InlineData("", Uapi.ProtocolError)]
    [InlineData("set=1\nlisten_port\n\n", Uapi.ProtocolError)]
    [InlineData("set=1\nlisten_port=65536\n\n", Uapi.InvalidArgument)]
    [InlineData("set=1\nprivate_key=00\n\n", Uapi.InvalidArgument)]
    [InlineData("set=1\nreplace_peers=false\n\n", Uapi.InvalidArgument)]
    [InlineData("set=1\nendpoint=1.2.3.4:5\n\n", Uapi.InvalidArgument)]
    [InlineData("set=1\npublic_key=" + Bob + "\nendpoint=1.2.3.4\n\n", Uapi.InvalidArgument)]
    [InlineData("set=1\npublic_key=" + Bob + "\nallowed_ip=1.2.3.4/33\n\n", Uapi.InvalidArgument)]
    [InlineData("set=1\npublic_key=" + Bob + "\nprotocol_version=2\n\n", Uapi.ProtocolError)]
    [InlineData("set=1\npublic_key=" + Bob + "\nlisten_port=1\n\n", Uapi.InvalidArgument)]
    [InlineData("set=1\npublic_key=" + Bob + "\nnonsense=1\n\n", Uapi.InvalidArgument)]
    public void A_bad_request_is_answered_with_its_errno_and_changes_nothing(string request, int error)
    {
        Assert.Equal($"errno={error}\n\n", Uapi.Handle(_device, request, Pair.Start));
        Assert.Empty(_device.Peers);
        Assert.Equal(0, _device.ListenPort);
    }

    [Fact]
    public void Port_and_mark_are_events_for_the_shell()
    {
        Set("listen_port=51820", "fwmark=0xca6c");

        Assert.True(_device.TryTakeEvent(out var port) && port.Kind == DeviceEventKind.ListenPortChanged);
        Assert.True(_device.TryTakeEvent(out var mark) && mark.Kind == DeviceEventKind.FirewallMarkChanged);
        Assert.Equal(51820, _device.ListenPort);
        Assert.Equal(0xca6cu, _device.FirewallMark);
    }

    [Fact]
    public void A_peer_is_removed_or_only_updated()
    {
        Set($"public_key={Bob}", "update_only=true", "allowed_ip=10.0.0.0/8");
        Assert.Empty(_device.Peers);

        Set($"public_key={Bob}", "allowed_ip=10.0.0.0/8", "allowed_ip=fd00::/8", $"public_key={Bob}", "update_only=true", "allowed_ip=-10.0.0.0/8");
        Assert.Equal([Prefix.Parse("fd00::/8")], _device.Peers.Single().AllowedIps);

        Set($"public_key={Bob}", "remove=true");
        Assert.Empty(_device.Peers);
        Assert.Null(_device.AllowedIps.Find(IpAddress.Parse("fd00::1")));
    }

    [Fact]
    public void Zero_keys_are_no_keys()
    {
        Set($"private_key={Private}", $"public_key={Bob}", $"preshared_key={Psk}");
        Assert.NotNull(_device.Peers.Single().Tunnel);
        Set($"private_key={new string('0', 64)}", $"public_key={Bob}", $"preshared_key={new string('0', 64)}");

        Assert.Null(_device.PrivateKey);
        Assert.Null(_device.Peers.Single().PresharedKey);
        Assert.Null(_device.Peers.Single().Tunnel);
    }

    [Fact]
    public void Our_own_key_is_no_peer()
    {
        Set($"private_key={Private}");
        Set($"public_key={_device.PrivateKey!.PublicKey.ToHex()}", "allowed_ip=10.0.0.0/8");

        Assert.Empty(_device.Peers);
    }

    string Set(params string[] lines) => Uapi.Handle(_device, "set=1\n" + string.Join('\n', lines) + "\n\n", Pair.Start);
}
