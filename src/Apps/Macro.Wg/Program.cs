using System.Diagnostics;
using System.Reflection;
using System.Runtime.InteropServices;
using Macro.Linux;
using Macro.Wg;

if (args is ["--version"])
{
    var version = Assembly.GetExecutingAssembly().GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion;
    Console.WriteLine($"macro-wg v{version}\n\nUserspace WireGuard for linux-{RuntimeInformation.ProcessArchitecture.ToString().ToLowerInvariant()}.");
    return 0;
}
if (args is ["-h" or "--help"])
{
    Console.WriteLine(Settings.Help);
    return 0;
}
if (Settings.Read(args) is not { } settings)
{
    Console.Error.WriteLine(Settings.Usage);
    return 2;
}
return settings.Foreground ? Serve(settings) : StartInBackground(args);

// Runs until the interface or the socket is gone, or a signal asks for the end.
static int Serve(Settings settings)
{
    var log = new Log(settings.InterfaceName, settings.LogLevel);
    using var end = new ManualResetEventSlim();
    using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
    using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
    try
    {
        using var tun = settings.TunDescriptor is { } descriptor
            ? TunDevice.Attach(descriptor)
            : TunDevice.Create(settings.InterfaceName, new TunOptions { Mtu = 1420 });
        using var wireguard = new WireGuardInterface(tun, settings.Pumps, log, end.Set);
        using var uapi = new UapiServer(tun.Name, settings.UapiDescriptor, wireguard.HandleUapiAsync, log, end.Set);
        log.Verbose("UAPI listener started");
        if (settings.Detach)
        {
            Console.Out.WriteLine("ready");
            Background.Detach();
        }
        end.Wait();
        log.Verbose("Shutting down");
        return 0;
    }
    catch (LinuxException failure)
    {
        Console.Error.WriteLine($"macro-wg: {failure.Message}");
        return 1;
    }

    void Stop(PosixSignalContext context)
    {
        context.Cancel = true;
        end.Set();
    }
}

// Starts this program again without the terminal, and leaves once its socket is there.
static int StartInBackground(string[] arguments)
{
    var start = new ProcessStartInfo(Environment.ProcessPath!) { RedirectStandardOutput = true, UseShellExecute = false };
    // Under "dotnet macro-wg.dll" the program is the first argument.
    if (Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet")
        start.ArgumentList.Add(Assembly.GetExecutingAssembly().Location);
    foreach (var argument in arguments)
        start.ArgumentList.Add(argument);
    start.Environment["WG_PROCESS_FOREGROUND"] = "1";
    start.Environment["MACRO_WG_DETACH"] = "1";
    using var child = Process.Start(start)!;
    while (child.StandardOutput.ReadLine() is { } line)
    {
        if (line == "ready")
            return 0;
        Console.Out.WriteLine(line);
    }
    child.WaitForExit();
    return child.ExitCode;
}
