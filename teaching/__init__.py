"""What teachers and admins see and do in running courses: students and their use, pictures, mails, a list."""
