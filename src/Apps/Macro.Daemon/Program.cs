using System.Reflection;
using Macro.Api;
using Macro.Daemon.Hosting;
using Macro.Daemon.Settings;

// Exit codes: 0 stopped cleanly, 1 failed, 2 command line or settings wrong.
if (!DaemonOptions.TryParse(args, out var options, out var error))
{
    Console.Error.WriteLine($"macrovpnd: {error}\n\n{DaemonOptions.Usage}");
    return 2;
}
if (options.ShowHelp || options.ShowVersion)
{
    var version = Assembly.GetExecutingAssembly().GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion;
    Console.WriteLine(options.ShowVersion ? $"macrovpnd {version}" : DaemonOptions.Usage);
    return 0;
}

try
{
    var settings = SettingsReader.ReadFile(options.SettingsFile).With(options);
    await using var host = new NodeHost(settings, services => ActivatorUtilities.CreateInstance<EngineControl>(services));
    await host.RunAsync();
    return 0;
}
catch (SettingsException e)
{
    foreach (var line in e.Errors)
        Console.Error.WriteLine(line);
    return 2;
}
catch (NodeException e)
{
    Console.Error.WriteLine($"macrovpnd: {e.Problem.Message} {e.Problem.Remedy}".TrimEnd());
    return 1;
}
