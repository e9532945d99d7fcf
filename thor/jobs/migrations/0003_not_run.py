from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('jobs', '0002_lanes'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='run',
            index=models.Index(condition=models.Q(('state__in', ['missed', 'lost'])), fields=['finished_at'], name='jobs_run_not_run'),
        ),
    ]
